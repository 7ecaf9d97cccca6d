/**
 * One read for all who ask for the same at the same moment, and only so many reads at once: thousands may wait for one job, and wake
 * together. Who asks gets what was read after asking, so that news are never answered with what was before them.
 */
import { isStoreAway } from './http/redis-errors.ts';

/** Of a connection whose commands have 0.9 s each: what would wait longer in it waits here instead. */
const MOST_AT_ONCE = 64;

interface InLine {
  start: () => void;
  giveUp: (error: unknown) => void;
}

export class SharedReads<T> {
  readonly #read: (key: string) => Promise<T>;
  /** Asked for and not begun: who asks now may share it. */
  readonly #next = new Map<string, Promise<T>>();
  readonly #underWay = new Map<string, Promise<T>>();
  #free: number;
  #line: InLine[] = [];

  constructor(read: (key: string) => Promise<T>, mostAtOnce = MOST_AT_ONCE) {
    this.#read = read;
    this.#free = mostAtOnce;
  }

  /** Rejects as the read does; where the store is away also before it has begun. */
  get(key: string): Promise<T> {
    const shared = this.#next.get(key);
    if (shared !== undefined) return shared;
    const mine = this.#inTurn(key);
    this.#next.set(key, mine);
    return mine;
  }

  async #inTurn(key: string): Promise<T> {
    try {
      await this.#underWay.get(key)?.catch(() => undefined);
      await this.#place();
    } finally {
      this.#next.delete(key);
    }
    const reading = this.#read(key);
    this.#underWay.set(key, reading);
    try {
      return await reading;
    } catch (error) {
      // It is asked for no more than once in vain: all would wait for their time in turn.
      if (isStoreAway(error)) for (const { giveUp } of this.#line.splice(0)) giveUp(error);
      throw error;
    } finally {
      this.#underWay.delete(key);
      this.#free += 1;
      this.#line.shift()?.start();
    }
  }

  #place(): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        this.#free -= 1;
        resolve();
      };
      if (this.#free > 0) start();
      else this.#line.push({ start, giveUp: reject });
    });
  }
}
