/**
 * The leases of everything this process works on, renewed every two seconds in one go, so that whatever stops the process
 * finds nearly the whole term left.
 *
 * A call begins only under a lease that is known to be held: its last claim or renewal that Redis confirmed is younger
 * than half the term. Age is counted by two clocks, for each stands still at times: the wall clock when it is set back,
 * the steady one while the machine sleeps. What is older is renewed first, and Redis says whether another delivery has
 * taken the entry meanwhile.
 */
import { renewLeases } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';

export interface LeaseKeeperOptions {
  ledger: Ledger;
  /** Names this process. */
  holder: string;
  leaseMs: number;
  renewEveryMs?: number;
  /** Wall clock, ms; and one that nobody sets, ms. */
  now: () => number;
  steady?: () => number;
  onLost: (ids: string[]) => void;
  /** Their jobs have ended, as when they were cancelled: nobody waits for the answers. */
  onEnded: (ids: string[]) => void;
}

/** A moment by both clocks, ms. */
export interface Moment {
  wall: number;
  steady: number;
}

/** One delivery's right to call an entry. */
export interface Lease {
  readonly id: string;
  readonly holder: string;
  /** When the last claim or renewal that Redis confirmed was sent. */
  confirmedAt: Moment;
  lost: boolean;
}

const RENEW_EVERY_MS = 2_000;
/** After a failed round, ms. */
const TRY_AGAIN_MS = 250;

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #held = new Set<Lease>();
  readonly #timer: NodeJS.Timeout;
  #deliveries = 0;
  #round: Promise<void> | null = null;
  #closed = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#renew(), options.renewEveryMs ?? RENEW_EVERY_MS);
  }

  /** A name for one delivery: also this process's own next one of the same entry is another. */
  newHolder(): string {
    return `${this.#options.holder}.${(this.#deliveries += 1)}`;
  }

  moment(): Moment {
    const { now, steady = () => performance.now() } = this.#options;
    return { wall: now(), steady: steady() };
  }

  /** Keeps the lease of a claim that was sent at `confirmedAt`. */
  hold(id: string, holder: string, confirmedAt: Moment): Lease {
    const lease: Lease = { id, holder, confirmedAt, lost: false };
    this.#held.add(lease);
    return lease;
  }

  release(lease: Lease): void {
    this.#held.delete(lease);
  }

  isKnown({ lost, confirmedAt }: Lease): boolean {
    const now = this.moment();
    const age = Math.max(now.wall - confirmedAt.wall, now.steady - confirmedAt.steady);
    return !lost && age < this.#options.leaseMs / 2;
  }

  /** Waits until the lease is known to be held (true, at once as a rule) or to be lost. */
  async confirm(lease: Lease): Promise<boolean> {
    while (!this.isKnown(lease)) {
      if (lease.lost || this.#closed) return false;
      await this.#renew();
    }
    return true;
  }

  /** One round at a time; whoever asks meanwhile waits for it. */
  #renew(): Promise<void> {
    this.#round ??= this.#renewAll().finally(() => (this.#round = null));
    return this.#round;
  }

  async #renewAll(): Promise<void> {
    if (this.#held.size === 0) return;
    const { ledger, leaseMs, onLost, onEnded } = this.#options;
    const asked = this.moment();
    const leases = [...this.#held];
    try {
      const { lost, ended } = await renewLeases(ledger, leases, asked.wall + leaseMs);
      const not = new Set([...lost, ...ended]);
      for (const lease of leases) {
        if (not.has(lease)) lease.lost = true;
        else lease.confirmedAt = asked;
      }
      this.#tell(lost, onLost);
      this.#tell(ended, onEnded);
    } catch {
      // Redis is away: the next round tries again, nothing begins meanwhile, and answers wait here until they are stored.
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }

  /** Of those that are still held here. */
  #tell(leases: readonly Lease[], hear: (ids: string[]) => void): void {
    const ids = leases.filter((lease) => this.#held.delete(lease)).map(({ id }) => id);
    if (ids.length > 0) hear(ids);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }
}
