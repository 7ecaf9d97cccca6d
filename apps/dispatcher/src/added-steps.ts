/** Steps that were put on their queue and did not get their turn yet: one that waits for it waits once. */

/** A step that did not get its turn in so long is taken for lost. */
const LOST_MS = 300_000;

export class AddedSteps {
  /** When each is due to have its turn, by its name, ms. */
  readonly #due = new Map<string, number>();

  waits(name: string, now: number): boolean {
    return now - (this.#due.get(name) ?? -Infinity) < LOST_MS;
  }

  /**
   * `at`: when it is to have its turn, ms. Also of one whose entry waits on the queue to run again: else another would be added each
   * time that somebody looks after its batch.
   */
  added(name: string, at: number): void {
    this.#due.set(name, at);
  }

  begun(name: string): void {
    this.#due.delete(name);
  }
}
