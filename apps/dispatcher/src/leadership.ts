/**
 * Holds or waits for the lead. Whoever waits asks four times a second: nobody places until one has it. While it is held it is
 * renewed four times in its term, also while the new leader still prepares; a renewal that fails or comes late ends the term at
 * once, before the lease lapses for everybody else.
 * Scripts check the token anyway: this only stops useless work.
 */
import { giveUpLead, raiseToken, takeLead } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';

export interface LeadershipOptions {
  ledger: Ledger;
  holder: string;
  leaseMs: number;
  /** Begins a term. It may be lost before this has ended; a term that fails to begin is begun again. */
  onLead: (token: number) => Promise<void>;
  /** Must stop acting at once; what it then waits for is its own business. */
  onLost: (token: number, how: 'lost' | 'given_up') => Promise<void>;
  /** A term failed to begin. */
  onError: (error: unknown) => void;
}

export class Leadership {
  readonly #options: LeadershipOptions;
  #token = 0;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  start(): void {
    this.#turn = this.#tick();
  }

  get token(): number {
    return this.#token;
  }

  async #tick(): Promise<void> {
    const token = await this.#ask();
    if (token !== this.#token) await this.#change(token);
    if (this.#stopped) return;
    const { leaseMs } = this.#options;
    this.#timer = setTimeout(
      () => {
        this.#turn = this.#tick();
      },
      token === 0 ? leaseMs / 16 : leaseMs / 4,
    );
  }

  /** 0 when Redis is away too long to know. */
  async #ask(): Promise<number> {
    const { ledger, holder, leaseMs } = this.#options;
    const late = new Promise<number>((resolve) => setTimeout(resolve, leaseMs / 2, 0).unref());
    return Promise.race([takeLead(ledger, { holder, ms: leaseMs }).catch(() => 0), late]);
  }

  async #change(token: number): Promise<void> {
    const before = this.#token;
    this.#token = 0;
    // Not waited for: it may hang on the very connection whose failure ended the term, and must not hold up the next one.
    if (before !== 0) void this.#options.onLost(before, 'lost');
    if (token === 0) return;
    await raiseToken(this.#options.ledger, token);
    this.#token = token;
    // Not waited for: what is slow to begin, as when Redis has just come back, would let the lease lapse meanwhile.
    void this.#begin(token);
  }

  async #begin(token: number): Promise<void> {
    try {
      await this.#options.onLead(token);
    } catch (error) {
      this.#options.onError(error);
      if (this.#token !== token) return;
      this.#token = 0;
      void this.#options.onLost(token, 'lost');
    }
  }

  /** Ends the term and lets another take over at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#turn;
    const before = this.#token;
    if (before === 0) return;
    this.#token = 0;
    await this.#options.onLost(before, 'given_up');
    await giveUpLead(this.#options.ledger, this.#options.holder).catch(() => undefined);
  }
}
