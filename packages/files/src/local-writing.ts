/** A file on its way onto the local disk: written beside, moved into place when it is whole and durable. */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FILE_MODE, syncFolder, writeFully } from './disk.ts';
import type { LocalRoot } from './local-root.ts';
import type { Digest, Writing, Written } from './store.ts';

interface Places {
  root: LocalRoot;
  /** Where it is written. */
  partial: string;
  /** Where it goes on commit. */
  target: string;
  digest: Digest | undefined;
}

/** Opens `partial` for writing; `partial`'s folder must be there. */
export async function startWriting(places: Places): Promise<Writing> {
  const handle = await open(places.partial, 'wx', FILE_MODE);
  try {
    await places.root.checkHolds(places.partial, handle);
    return new LocalWriting(handle, places);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class LocalWriting implements Writing {
  readonly #handle: FileHandle;
  readonly #places: Places;
  readonly #hash: Hash | null;
  #bytes = 0;
  #state: 'open' | 'committed' | 'aborted' = 'open';

  constructor(handle: FileHandle, places: Places) {
    this.#handle = handle;
    this.#places = places;
    this.#hash = places.digest === undefined ? null : createHash(places.digest);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#state !== 'open') throw new Error(`cannot write: already ${this.#state}`);
    const position = this.#bytes;
    this.#bytes += chunk.length;
    this.#hash?.update(chunk);
    await writeFully(this.#handle, chunk, position);
  }

  async commit(): Promise<Written> {
    if (this.#state !== 'open') throw new Error(`cannot commit: already ${this.#state}`);
    const { root, partial, target } = this.#places;
    await this.#handle.sync();
    await this.#handle.close();
    await root.ensure(dirname(target), 'write');
    // Found only where it was made: in the store.
    await rename(partial, target);
    this.#state = 'committed';
    await syncFolder(dirname(target));
    return { bytes: this.#bytes, digest: this.#hash?.digest('hex') ?? null };
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    await this.#handle.close();
    await rm(this.#places.partial, { force: true });
  }
}
