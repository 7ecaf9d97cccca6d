/**
 * That results cannot be written to the file store, as on a full disk, is told in the log and to whoever asks why batches stand
 * still; as soon as something can be written, that it is over.
 */
import { forgetWritingTrouble, noteWritingTrouble } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { inBrief } from './error-words.ts';

/** Much less than a note of it lives. */
const NOTE_EVERY_MS = 5_000;

export interface WritingTroubleOptions {
  ledger: Ledger;
  /** The store, for people: `the folder /srv/sluice/files`. */
  where: string;
  now: () => number;
}

export class WritingTrouble {
  readonly #options: WritingTroubleOptions;
  #notedAt: number | null = null;

  constructor(options: WritingTroubleOptions) {
    this.#options = options;
  }

  /** Passes on what `write` gives; rejects with an error that names the store and not the file, for a log that tells it once. */
  async during<Done>(write: () => Promise<Done>): Promise<Done> {
    try {
      const done = await write();
      this.#over();
      return done;
    } catch (cause) {
      this.#note(inBrief(cause));
      const { where } = this.#options;
      throw new Error(`results cannot be written to ${where}: ${inBrief(cause)}`, { cause });
    }
  }

  #note(words: string): void {
    const { ledger, now } = this.#options;
    if (this.#notedAt !== null && now() - this.#notedAt < NOTE_EVERY_MS) return;
    this.#notedAt = now();
    // A Redis that is away is told of by others.
    noteWritingTrouble(ledger, words).catch(() => undefined);
  }

  #over(): void {
    if (this.#notedAt === null) return;
    this.#notedAt = null;
    forgetWritingTrouble(this.#options.ledger).catch(() => undefined);
  }
}
