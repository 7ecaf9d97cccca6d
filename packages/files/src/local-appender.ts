/**
 * Appends to a local file, one write and one fdatasync for all calls that are waiting. A crash may leave a torn
 * tail; the next appender starts behind it, and readers read only extents that were handed out.
 */
import { type FileHandle, constants, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FILE_MODE, syncFolder, writeFully } from './disk.ts';
import { orTrouble } from './disk-trouble.ts';
import { GroupAppends, resolveAll } from './group-appends.ts';
import type { WaitingAppend } from './group-appends.ts';
import type { LocalRoot } from './local-root.ts';
import type { Appender, Extent } from './store.ts';

/** Opens at the file's current end, makes it if there is none. `segment` is the name its extents carry. */
export async function openAppender(
  root: LocalRoot,
  path: string,
  segment: string,
): Promise<Appender> {
  await root.ensure(dirname(path), 'write');
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT, FILE_MODE);
  try {
    const { size } = await handle.stat();
    if (size === 0) await syncFolder(dirname(path));
    await root.checkHolds(path, handle);
    return new LocalAppender(handle, segment, size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class LocalAppender implements Appender {
  readonly #handle: FileHandle;
  readonly #segment: string;
  /** After a failed sync nobody knows what is on the disk (fsync reports an error once): it never goes on. */
  readonly #appends: GroupAppends;
  #end: number;

  constructor(handle: FileHandle, segment: string, end: number) {
    this.#handle = handle;
    this.#segment = segment;
    this.#end = end;
    this.#appends = new GroupAppends(segment, (group) => this.#write(group));
  }

  append(buffers: readonly Buffer[]): Promise<Extent> {
    return this.#appends.append(buffers);
  }

  async close(): Promise<void> {
    await this.#appends.close();
    await this.#handle.close();
  }

  async #write(group: readonly WaitingAppend[]): Promise<void> {
    const bytes = Buffer.concat(group.flatMap((call) => call.buffers));
    await orTrouble('write', async () => {
      await writeFully(this.#handle, bytes, this.#end);
      await this.#handle.datasync();
    });
    this.#end = resolveAll(group, { segment: this.#segment, start: this.#end });
  }
}
