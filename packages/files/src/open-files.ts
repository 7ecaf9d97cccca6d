/**
 * Files kept open for reading at an offset: a worker reads one batch's input hundreds of times a second.
 * At most `limit` stay open while unused, none longer than `idleMs`: an open file holds its disk space
 * even after another process has removed it.
 */
import { type FileHandle, open } from 'node:fs/promises';

interface Entry {
  handle: Promise<FileHandle>;
  users: number;
  usedAt: number;
  /** No longer in the table: closed by its last user. */
  dropped: boolean;
}

export class OpenFiles {
  readonly #limit: number;
  readonly #idleMs: number;
  /** In order of last use, the longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | null = null;

  constructor({ limit = 64, idleMs = 30_000 }: { limit?: number; idleMs?: number } = {}) {
    this.#limit = limit;
    this.#idleMs = idleMs;
  }

  /** How many are open. */
  get size(): number {
    return this.#entries.size;
  }

  /** Runs `task` with the open file, which stays open at least until it ends. Rejects as `open` does. */
  async use<T>(path: string, task: (handle: FileHandle) => Promise<T>): Promise<T> {
    const entry = this.#acquire(path);
    try {
      return await task(await entry.handle);
    } catch (error) {
      this.#forget(path, entry);
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.dropped) await closeUnused(entry);
    }
  }

  /** Forgets this file and all below this folder: they were removed or replaced. */
  async drop(path: string): Promise<void> {
    const below = `${path}/`;
    const gone = [...this.#entries].filter(([key]) => key === path || key.startsWith(below));
    await Promise.all(gone.map(([key, entry]) => this.#close(key, entry)));
  }

  async closeAll(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await Promise.all([...this.#entries].map(([key, entry]) => this.#close(key, entry)));
  }

  #acquire(path: string): Entry {
    const entry = this.#entries.get(path) ?? this.#open(path);
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.users += 1;
    entry.usedAt = performance.now();
    return entry;
  }

  #open(path: string): Entry {
    const surplus = this.#entries.size + 1 - this.#limit;
    if (surplus > 0) this.#evict(([, entry]) => entry.users === 0, surplus);
    this.#timer ??= setInterval(() => this.#closeIdle(), this.#idleMs).unref();
    return { handle: open(path, 'r'), users: 0, usedAt: 0, dropped: false };
  }

  #closeIdle(): void {
    const before = performance.now() - this.#idleMs;
    this.#evict(([, entry]) => entry.users === 0 && entry.usedAt < before, Infinity);
  }

  #evict(which: (item: [string, Entry]) => boolean, atMost: number): void {
    let left = atMost;
    for (const item of this.#entries) {
      if (left === 0) return;
      if (!which(item)) continue;
      left -= 1;
      void this.#close(item[0], item[1]);
    }
  }

  #close(path: string, entry: Entry): Promise<void> {
    this.#forget(path, entry);
    return closeUnused(entry);
  }

  #forget(path: string, entry: Entry): void {
    entry.dropped = true;
    if (this.#entries.get(path) === entry) this.#entries.delete(path);
  }
}

/** Closing twice is harmless to a FileHandle; one that never opened has nothing to close. */
async function closeUnused(entry: Entry): Promise<void> {
  if (entry.users > 0) return;
  const handle = await entry.handle.catch(() => null);
  await handle?.close();
}
