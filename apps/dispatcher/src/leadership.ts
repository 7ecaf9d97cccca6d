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
  now: () => number;
  /** Begins a term. It may be lost before this has ended: `lost` says so. A term that fails to begin is begun again. */
  onLead: (token: number, lost: AbortSignal) => Promise<void>;
  /** Must stop acting at once; what it then waits for is its own business. */
  onLost: (token: number, how: 'lost' | 'given_up') => Promise<void>;
  /** A term failed to begin or to end. */
  onError: (error: unknown) => void;
}

/** A clock that was set back by more, ms: what a term remembers by time would stand still until it is that late again. */
const SET_BACK_MS = 1_000;

/** The lead, as it is held from a moment on; held again with the same token it is another. */
interface Held {
  token: number;
  lost: AbortController;
  /** Whether `onLead` was called. */
  begun: boolean;
}

export class Leadership {
  readonly #options: LeadershipOptions;
  #held: Held | null = null;
  #latest = -Infinity;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  start(): void {
    this.#turn = this.#tick();
  }

  async #tick(): Promise<void> {
    const token = await this.#ask();
    const isSetBack = this.#isSetBack();
    if (token !== (this.#held?.token ?? 0) || isSetBack) this.#change(token);
    if (this.#stopped) return;
    const { leaseMs } = this.#options;
    this.#timer = setTimeout(
      () => {
        this.#turn = this.#tick();
      },
      token === 0 ? leaseMs / 16 : leaseMs / 4,
    );
  }

  /** Whether the clock says less than when it was read before. The term then begins anew, by the time that it is now. */
  #isSetBack(): boolean {
    const before = this.#latest;
    this.#latest = this.#options.now();
    return this.#latest < before - SET_BACK_MS;
  }

  /** 0 when Redis is away too long to know. */
  async #ask(): Promise<number> {
    const { ledger, holder, leaseMs } = this.#options;
    const late = new Promise<number>((resolve) => setTimeout(resolve, leaseMs / 2, 0).unref());
    return Promise.race([takeLead(ledger, { holder, ms: leaseMs }).catch(() => 0), late]);
  }

  /** Nothing of it is waited for: it may hang on the very connection whose failure ended the term, and the lease would lapse meanwhile. */
  #change(token: number): void {
    void this.#end('lost');
    if (token === 0) return;
    this.#held = { token, lost: new AbortController(), begun: false };
    void this.#begin(this.#held);
  }

  async #begin(held: Held): Promise<void> {
    const { onLead, onError } = this.#options;
    try {
      await this.#fence(held);
      if (this.#held !== held) return;
      held.begun = true;
      await onLead(held.token, held.lost.signal);
    } catch (error) {
      onError(error);
      if (this.#held === held) void this.#end('lost');
    }
  }

  /** Where scripts have seen a higher token, none would do what this one asks: the next is above it. */
  async #fence({ token }: Held): Promise<void> {
    const { ledger, holder } = this.#options;
    if (await raiseToken(ledger, token)) return;
    await giveUpLead(ledger, { holder, token });
    throw new Error(`token ${token} is older than one that was seen`);
  }

  async #end(how: 'lost' | 'given_up'): Promise<void> {
    const held = this.#held;
    this.#held = null;
    held?.lost.abort();
    if (!held?.begun) return;
    const { onLost, onError } = this.#options;
    await onLost(held.token, how).catch(onError);
  }

  /** Ends the term and lets another take over at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#turn;
    if (this.#held === null) return;
    const { token } = this.#held;
    await this.#end('given_up');
    const { ledger, holder } = this.#options;
    await giveUpLead(ledger, { holder, token }).catch(() => undefined);
  }
}
