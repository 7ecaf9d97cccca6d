/**
 * Calls of `append` that wait while one is being written go together, in one write: as many writes as there are round
 * trips, not as many as there are calls. After a failure nobody knows what is kept, so nothing more is taken.
 */
import type { Extent } from './store.ts';

export interface WaitingAppend {
  buffers: readonly Buffer[];
  resolve: (extent: Extent) => void;
  reject: (error: unknown) => void;
}

export class GroupAppends {
  readonly #name: string;
  readonly #write: (group: readonly WaitingAppend[]) => Promise<void>;
  #waiting: WaitingAppend[] = [];
  #running: Promise<void> | null = null;
  #broken: unknown = null;

  /** `write` makes a group durable and resolves each of its calls; it is called by one at a time. `name`: for the error of who comes too late. */
  constructor(name: string, write: (group: readonly WaitingAppend[]) => Promise<void>) {
    this.#name = name;
    this.#write = write;
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

  /** Waits for what was asked for; what is asked from now on rejects. */
  async close(): Promise<void> {
    const running = this.#running;
    this.#broken ??= new Error(`appender of ${this.#name} is closed`);
    await running;
  }

  async #drain(): Promise<void> {
    // Calls of this same moment travel together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        await this.#write(group);
      } catch (error) {
        this.#broken = error;
        for (const call of [...group, ...this.#waiting.splice(0)]) call.reject(error);
      }
    }
    this.#running = null;
  }
}

/** Tells each call of a group that was written at `start` of `segment` where its bytes stand; answers where they end. */
export function resolveAll(
  group: readonly WaitingAppend[],
  { segment, start }: { segment: string; start: number },
): number {
  let end = start;
  for (const { buffers, resolve } of group) {
    const from = end;
    for (const buffer of buffers) end += buffer.length;
    resolve({ segment, start: from, end });
  }
  return end;
}
