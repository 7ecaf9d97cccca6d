/**
 * Says that requests are refused because Redis or the file store is away or full: at once, then once in a while with how many
 * there were, for in an outage each request would have its own line.
 */
const EVERY_MS = 5_000;

interface Refused {
  request: string;
  method: string;
  route: string;
  error: string;
}

export class GatheredRefusals {
  readonly #tell: (fields: Refused & { requests: number }) => void;
  readonly #now: () => number;
  #told = Number.NEGATIVE_INFINITY;
  #requests = 0;

  /** `tell`: with the newest of them, and how many there were since it was told last. */
  constructor(
    tell: (fields: Refused & { requests: number }) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#tell = tell;
    this.#now = now;
  }

  note(refused: Refused): void {
    this.#requests += 1;
    const now = this.#now();
    if (now - this.#told < EVERY_MS) return;
    this.#tell({ ...refused, requests: this.#requests });
    this.#told = now;
    this.#requests = 0;
  }
}
