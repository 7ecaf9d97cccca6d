/** Of messages that come again and again the first is told, and after that one a minute: what repeats hides nothing else. */

export interface SeldomOptions {
  everyMs?: number;
  /** ms. */
  now?: () => number;
}

const EVERY_MS = 60_000;
/** Different messages that are remembered. */
const MOST = 1_000;

interface Told {
  at: number;
  /** Like it, since then. */
  untold: number;
}

export class Seldom {
  readonly #everyMs: number;
  readonly #now: () => number;
  readonly #told = new Map<string, Told>();

  constructor({ everyMs = EVERY_MS, now = Date.now }: SeldomOptions = {}) {
    this.#everyMs = everyMs;
    this.#now = now;
  }

  /** Has it told, if it is to be, with how many like it were not told since (`repeats`; absent = none). */
  tell(message: string, log: (more: { repeats?: number }) => void): void {
    const untold = this.take(message);
    if (untold !== null) log(untold > 0 ? { repeats: untold } : {});
  }

  /** null: it was told less than so long ago. Else tell it; how many like it came since and were not told. */
  take(message: string): number | null {
    const now = this.#now();
    const told = this.#told.get(message);
    if (told && now - told.at < this.#everyMs) {
      told.untold += 1;
      return null;
    }
    // The longest ago told comes first.
    this.#told.delete(message);
    this.#told.set(message, { at: now, untold: 0 });
    const [oldest] = this.#told.keys();
    if (this.#told.size > MOST && oldest !== undefined) this.#told.delete(oldest);
    return told?.untold ?? 0;
  }
}
