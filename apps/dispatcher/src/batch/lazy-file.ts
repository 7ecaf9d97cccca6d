/** A file that exists only if something was written to it. */
import type { FileStore, Writing } from '@sluice/files';

export interface LazyFile {
  write(buffers: readonly Buffer[]): Promise<void>;
  /** Its bytes; null when nothing was written: then a file left under this name by an earlier try is removed. */
  finish(): Promise<number | null>;
  /** Leaves nothing behind; harmless after `finish`. */
  abort(): Promise<void>;
}

export function lazyFile(store: FileStore, name: string): LazyFile {
  let writing: Writing | null = null;
  return {
    async write(buffers) {
      if (buffers.length === 0) return;
      writing ??= await store.create(name);
      await writing.write(Buffer.concat(buffers));
    },
    async finish() {
      if (writing !== null) return (await writing.commit()).bytes;
      await store.remove(name);
      return null;
    },
    async abort() {
      await writing?.abort();
    },
  };
}
