/**
 * Fetches single jobs that found the window of their pool's queue full, from the ledger, by share (band, tenant, pool), as
 * those before them are placed: so a share has at most so many in memory, however many wait. Also finds what a crash left
 * without a queue entry.
 */
import {
  countShare,
  readBacklog,
  readShares,
  removeBacklog,
  shareKey,
  tenantOf,
  WINDOW_PER_SLOT,
} from '@sluice/ledger';
import type { Ledger, Waiting } from '@sluice/ledger';
import type { Priority } from '@sluice/job';
import type { Placer } from './placer.ts';

export interface BacklogPorts {
  ledger: Ledger;
  placer: Pick<Placer, 'has' | 'place'>;
  now: () => number;
  onError: (what: string, error: unknown) => void;
}

/** Of a share, in memory: more are fetched below the lower, up to the upper. */
const LOW = 32;
const HIGH = 64;
const PER_SLOT = 3 * WINDOW_PER_SLOT;
const LOOK_EVERY_MS = 1_000;
/** Shares found per look and slot; the next look goes on behind them. */
const SHARES_PER_LOOK = 64;
const LEAST_BETWEEN_MS = 20;
/** A share of which Redis would not move a job is left alone for so long. */
const REFUSED_MS = 1_000;

export class Backlog {
  readonly #ports: BacklogPorts;
  /** Jobs in memory, of every share that has some. */
  readonly #counts = new Map<string, number>();
  /** Shares of which more may wait in the ledger, and when they were last read; in the future: they are left alone until then. */
  readonly #open = new Map<string, number>();
  readonly #reading = new Set<Promise<void>>();
  #after: readonly string[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(ports: BacklogPorts) {
    this.#ports = ports;
  }

  /** A job waits in memory. */
  waits(waiting: Waiting): void {
    const share = shareOf(waiting);
    if (share !== null) this.#counts.set(share, (this.#counts.get(share) ?? 0) + 1);
  }

  /** It waits in memory no longer. */
  left(waiting: Waiting): void {
    const share = shareOf(waiting);
    if (share === null) return;
    const count = (this.#counts.get(share) ?? 1) - 1;
    if (count > 0) this.#counts.set(share, count);
    else this.#counts.delete(share);
    if (count < LOW) this.#read(share);
  }

  /** The share filled its window: more of it may come without a queue entry. */
  mayHaveMore(waiting: Waiting): void {
    const share = shareOf(waiting);
    if (share !== null && !this.#open.has(share)) this.#open.set(share, 0);
  }

  /** Looks which shares have waiting jobs, once a second, and fetches for all that are open. */
  async look(): Promise<void> {
    const now = this.#ports.now();
    if (now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = now;
      const { keys, after } = await readShares(this.#ports.ledger, this.#after, SHARES_PER_LOOK);
      this.#after = after;
      for (const share of keys) if (!this.#open.has(share)) this.#open.set(share, 0);
    }
    for (const share of this.#open.keys()) this.#read(share);
  }

  #read(share: string): void {
    const now = this.#ports.now();
    const readAt = this.#open.get(share);
    if (this.#closed || readAt === undefined || now - readAt < LEAST_BETWEEN_MS) return;
    if ((this.#counts.get(share) ?? 0) >= LOW) return;
    this.#open.set(share, now);
    const reading = this.#fetch(share)
      .catch((error: unknown) => this.#ports.onError('reading the backlog', error))
      .finally(() => this.#reading.delete(reading));
    this.#reading.add(reading);
  }

  async #fetch(share: string): Promise<void> {
    const { ledger, placer } = this.#ports;
    const found = await readBacklog(ledger, share, PER_SLOT);
    if (found.size === 0) {
      this.#open.delete(share);
      return;
    }
    let most = HIGH - (this.#counts.get(share) ?? 0);
    for (const [member, id] of found) {
      if (most <= 0) return;
      if (placer.has(id)) continue;
      most -= 1;
      void this.#place(share, { member, id });
    }
  }

  /** What turned out to wait for nothing any more leaves the backlog, should it still be in it. */
  async #place(share: string, { member, id }: { member: string; id: string }): Promise<void> {
    const { ledger, placer, now, onError } = this.#ports;
    try {
      const end = await placer.place({ id, epoch: 0 });
      if (end === 'settled' && !this.#closed) await removeBacklog(ledger, member, id);
      else if (end === 'failed') this.#open.set(share, now() + REFUSED_MS);
    } catch (error) {
      onError('placing from the backlog', error);
    }
  }

  /** Jobs of these tenants that were never placed, of shares that may have more of them than are in memory. */
  async countOf(tenants: ReadonlySet<string>): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const shares = [...this.#open.keys()].filter((share) => tenants.has(tenantOf(share)));
    await Promise.all(
      shares.map(async (share) => {
        const jobs = await countShare(this.#ports.ledger, share);
        counts.set(tenantOf(share), (counts.get(tenantOf(share)) ?? 0) + jobs);
      }),
    );
    return counts;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#reading);
  }
}

/** Null: it was placed before, or is part of a batch: it is in no share. */
function shareOf({ epoch, batch, priority, tenant, pool }: Waiting): string | null {
  if (epoch !== 0 || batch !== null) return null;
  return shareKey({ priority: priority as Priority, tenant, pool });
}
