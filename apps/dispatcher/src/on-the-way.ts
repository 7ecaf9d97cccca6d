/** Placements that the picture counts and whose queue entries are not there yet, by deployment. */
export class OnTheWay {
  readonly #works = new Map<string, number>();

  has(id: string): boolean {
    return this.#works.has(id);
  }

  /** Work that brings entries to these queues. */
  async during<End>(ids: ReadonlySet<string>, work: Promise<End>): Promise<End> {
    for (const id of ids) this.#works.set(id, (this.#works.get(id) ?? 0) + 1);
    try {
      return await work;
    } finally {
      for (const id of ids) this.#ended(id);
    }
  }

  #ended(id: string): void {
    const left = (this.#works.get(id) ?? 1) - 1;
    if (left > 0) this.#works.set(id, left);
    else this.#works.delete(id);
  }
}
