/**
 * Files that take long to validate have only some of the places where steps are done: small ones, and the ends of batches, wait for
 * none of them. One that finds those taken asks again, the later the more do.
 */
import { RunAgain } from './run-again.ts';
import { LOOK_AGAIN_MS } from './step-ports.ts';

/** Some hundredths of a second's work. */
const LARGE_BYTES = 4 * 1024 * 1024;
/** Of the intake's places for steps. */
const AT_ONCE = 4;

export class LargeFiles {
  #underWay = 0;
  /** Batches that were sent away, in their order. */
  readonly #waiting = new Set<string>();

  /** Throws RunAgain where others have all places. */
  async validate<Done>(
    { batch, bytes }: { batch: string; bytes: number },
    work: () => Promise<Done>,
  ): Promise<Done> {
    if (bytes < LARGE_BYTES) return work();
    if (this.#underWay >= AT_ONCE) throw new RunAgain(this.#again(batch));
    this.#waiting.delete(batch);
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
      // Who was sent away and is cancelled meanwhile never asks again.
      if (this.#underWay === 0) this.#waiting.clear();
    }
  }

  /** ms. All of them together ask some times a second, however many they are, and the first of them most often. */
  #again(batch: string): number {
    this.#waiting.add(batch);
    return LOOK_AGAIN_MS * ([...this.#waiting].indexOf(batch) + 1);
  }
}
