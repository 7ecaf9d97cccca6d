/**
 * How long lines of batches have waited for the first tier that is open to them, per lane: lines that find room together or
 * not at all, and take their turns together. A backlog is no wait: while that tier takes lines of a lane, now one and now
 * another, the lane goes on. It waits since that tier last took one of it, or since it had lines to give. What waits is told
 * as it changes, so that nothing here looks at all lanes. Pure: times are arguments.
 */
export class HeadWaits {
  readonly #lanes = new Map<string, { lines: number; since: number }>();

  /** So many more lines of the lane wait (fewer: below 0). Where none are left, whatever comes next has not waited yet. */
  count(lane: string, by: number, now: number): void {
    const known = this.#lanes.get(lane) ?? { lines: 0, since: now };
    known.lines += by;
    if (known.lines > 0) this.#lanes.set(lane, known);
    else this.#lanes.delete(lane);
  }

  /** The first open tier took some of the lane. */
  took(lane: string, now: number): void {
    const known = this.#lanes.get(lane);
    if (known) known.since = now;
  }

  /** ms; `now` where nothing waits. */
  since(lane: string, now: number): number {
    return this.#lanes.get(lane)?.since ?? now;
  }
}
