/** Renews the leases of everything this process is calling, every third of their length, in one go per slot. */
import { renewLeases } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';

export interface LeaseKeeperOptions {
  ledger: Ledger;
  holder: string;
  leaseMs: number;
  now: () => number;
  onLost: (ids: string[]) => void;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #held = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#renew(), options.leaseMs / 3);
  }

  hold(id: string): void {
    this.#held.add(id);
  }

  release(id: string): void {
    this.#held.delete(id);
  }

  get size(): number {
    return this.#held.size;
  }

  async #renew(): Promise<void> {
    if (this.#held.size === 0) return;
    const { ledger, holder, leaseMs, now, onLost } = this.#options;
    try {
      const lost = await renewLeases(ledger, holder, [...this.#held], now() + leaseMs);
      const missed = lost.filter((id) => this.#held.has(id));
      if (missed.length > 0) onLost(missed);
    } catch {
      // Redis is away: the next round tries again, and answers wait in this process until they are stored.
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
