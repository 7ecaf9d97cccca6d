/**
 * Appends to a local file, one write and one fdatasync for all calls that are waiting. A crash may leave a torn
 * tail; the next appender starts behind it, and readers read only extents that were handed out.
 */
import { type FileHandle, constants, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FILE_MODE, ensureFolder, syncFolder, writeFully } from './disk.ts';
import type { Appender, Extent } from './store.ts';

/** Opens at the file's current end, makes it if there is none. `segment` is the name its extents carry. */
export async function openAppender(path: string, segment: string): Promise<Appender> {
  await ensureFolder(dirname(path));
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT, FILE_MODE);
  try {
    const { size } = await handle.stat();
    if (size === 0) await syncFolder(dirname(path));
    return new LocalAppender(handle, segment, size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Waiting {
  buffers: readonly Buffer[];
  resolve: (extent: Extent) => void;
  reject: (error: unknown) => void;
}

class LocalAppender implements Appender {
  readonly #handle: FileHandle;
  readonly #segment: string;
  #end: number;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  /** After a failed sync nobody knows what is on the disk (fsync reports an error once): never go on. */
  #broken: unknown = null;

  constructor(handle: FileHandle, segment: string, end: number) {
    this.#handle = handle;
    this.#segment = segment;
    this.#end = end;
  }

  append(buffers: readonly Buffer[]): Promise<Extent> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== null) {
        reject(this.#broken);
        return;
      }
      this.#waiting.push({ buffers, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    const running = this.#running;
    this.#broken ??= new Error(`appender of ${this.#segment} is closed`);
    await running;
    await this.#handle.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        await this.#writeGroup(group);
      } catch (error) {
        this.#broken = error;
        for (const call of [...group, ...this.#waiting.splice(0)]) call.reject(error);
      }
    }
    this.#running = null;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const bytes = Buffer.concat(group.flatMap((call) => call.buffers));
    await writeFully(this.#handle, bytes, this.#end);
    await this.#handle.datasync();
    for (const { buffers, resolve } of group) {
      const start = this.#end;
      for (const buffer of buffers) this.#end += buffer.length;
      resolve({ segment: this.#segment, start, end: this.#end });
    }
  }
}
