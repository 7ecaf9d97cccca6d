/**
 * The leases of everything this process works on, renewed every two seconds, each slot's in one go, so that whatever stops the
 * process finds nearly the whole term left. A renewal that fails, or that Redis heard of late, is followed by another at once; a
 * slot whose Redis is away keeps up no other.
 *
 * A call begins only under a lease that is known to be held: its last claim or renewal that Redis confirmed is younger
 * than half the term. Age is counted by two clocks, for each stands still at times: the wall clock when it is set back,
 * the steady one while the machine sleeps. What is older is renewed first, and Redis says whether another delivery has
 * taken the entry meanwhile.
 */
import { slotOf } from '@sluice/job';
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
  /** A call under it has begun. */
  begun: boolean;
  /** It has been, so that it is not new. */
  renewed: boolean;
  /** As its last renewal said: it is not new, and no call has begun. */
  waits: boolean;
}

const RENEW_EVERY_MS = 2_000;
/** A confirmation was late after this part of the term. */
const LATE = 4;
/** After a failed round, ms. */
const TRY_AGAIN_MS = 250;

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #steady: () => number;
  readonly #held = new Set<Lease>();
  readonly #timer: NodeJS.Timeout;
  #deliveries = 0;
  /** By slot, while one is under way. */
  readonly #rounds = new Map<number, Promise<void>>();
  #closed = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#steady = options.steady ?? (() => performance.now());
    this.#timer = setInterval(() => this.#renewAll(), options.renewEveryMs ?? RENEW_EVERY_MS);
  }

  /** A name for one delivery: also this process's own next one of the same entry is another. */
  newHolder(): string {
    return `${this.#options.holder}.${(this.#deliveries += 1)}`;
  }

  moment(): Moment {
    return { wall: this.#options.now(), steady: this.#steady() };
  }

  /** Keeps the lease of a claim that was sent at `confirmedAt`. */
  hold(id: string, holder: string, confirmedAt: Moment): Lease {
    const lease: Lease = {
      id,
      holder,
      confirmedAt,
      lost: false,
      begun: false,
      renewed: false,
      waits: false,
    };
    this.#held.add(lease);
    return lease;
  }

  release(lease: Lease): void {
    this.#held.delete(lease);
  }

  isKnown({ lost, confirmedAt }: Lease): boolean {
    return !lost && this.#ageOf(confirmedAt) < this.#options.leaseMs / 2;
  }

  #ageOf({ wall, steady }: Moment): number {
    return Math.max(this.#options.now() - wall, this.#steady() - steady);
  }

  /** Waits until the lease is known to be held (true, at once as a rule) or to be lost. */
  async confirm(lease: Lease): Promise<boolean> {
    while (!this.isKnown(lease)) {
      if (lease.lost || this.#closed) return false;
      await this.#renew(slotOf(lease.id));
    }
    return true;
  }

  #renewAll(): void {
    for (const slot of new Set([...this.#held].map(({ id }) => slotOf(id)))) void this.#renew(slot);
  }

  /** One round of a slot at a time; whoever asks meanwhile waits for it. */
  #renew(slot: number): Promise<void> {
    const under = this.#rounds.get(slot) ?? this.#round(slot);
    this.#rounds.set(slot, under);
    return under;
  }

  /** Until Redis has confirmed it of late: what it heard of after a pause holds for the rest of a term only, or not at all. */
  async #round(slot: number): Promise<void> {
    while (!this.#closed && !(await this.#confirmed(slot)));
    this.#rounds.delete(slot);
  }

  async #confirmed(slot: number): Promise<boolean> {
    const { ledger, leaseMs, onLost, onEnded } = this.#options;
    const asked = this.moment();
    const leases = [...this.#held].filter(({ id }) => slotOf(id) === slot);
    if (leases.length === 0) return true;
    for (const lease of leases) lease.waits = lease.renewed && !lease.begun;
    try {
      const { lost, ended } = await renewLeases(ledger, leases, asked.wall + leaseMs);
      const not = new Set([...lost, ...ended]);
      for (const lease of leases) {
        if (not.has(lease)) lease.lost = true;
        else Object.assign(lease, { confirmedAt: asked, renewed: true });
      }
      this.#tell(lost, onLost);
      this.#tell(ended, onEnded);
      return this.#ageOf(asked) < leaseMs / LATE;
    } catch {
      // Redis is away: nothing begins meanwhile, and answers wait here until they are stored.
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
      return false;
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
