/**
 * Brings lines of one key together, so that they can travel together: a window of a class's lines at a time, keys in the order
 * in which they first came, lines of a key in the order of the file. Memory is that of the window. Pure.
 */
import { WINDOW_RECORDS } from '@sluice/files';
import type { IndexRecord } from '@sluice/files';

export class KeyGroups {
  #groups = new Map<number | null, IndexRecord[]>();
  #lines = 0;

  /** Whether the window is full: then it is to be taken. */
  add(record: IndexRecord): boolean {
    const key = record.key ?? null;
    const group = this.#groups.get(key);
    if (group) group.push(record);
    else this.#groups.set(key, [record]);
    this.#lines += 1;
    return this.#lines >= WINDOW_RECORDS;
  }

  /** What has come since it was last asked. */
  take(): IndexRecord[] {
    const records = [...this.#groups.values()].flat();
    this.#groups = new Map();
    this.#lines = 0;
    return records;
  }
}
