/** Steps that were put on their queue and did not get their turn yet: one that waits for it waits once. */

/** A step that did not get its turn in so long is taken for lost. */
const LOST_MS = 300_000;

export class AddedSteps {
  /** When each is due to have its turn, by its name, ms. */
  readonly #due = new Map<string, number>();

  waits(name: string, now: number): boolean {
    return now - (this.#due.get(name) ?? -Infinity) < LOST_MS;
  }

  added(name: string, now: number): void {
    this.#due.set(name, now);
  }

  begun(name: string): void {
    this.#due.delete(name);
  }

  /** Its entry waits on the queue to run again: else another would be added each time that somebody looks after its batch. */
  again(name: string, at: number): void {
    this.#due.set(name, at);
  }
}
