/** The place where entries wait for a deployment, whatever they wait for. */
import type { Waiting } from '@sluice/ledger';

/**
 * `settled`: it needs nothing more of whoever brought it. `closed`: the term ended before it had a place; it goes back to where
 * it came from. `failed`: Redis refused something on the way; where it waited in the ledger it waits on.
 */
export type PlaceEnd = 'settled' | 'closed' | 'failed';

export interface Pending {
  waiting: Waiting;
  lane: string;
  since: number;
  done: (end: PlaceEnd) => void;
}

export class WaitingEntries {
  readonly #pending = new Map<string, Pending>();
  readonly #onWaiting: (waiting: Waiting, waits: boolean) => void;

  /** `onWaiting`: an entry waits here now, or no longer. */
  constructor(onWaiting: (waiting: Waiting, waits: boolean) => void) {
    this.#onWaiting = onWaiting;
  }

  add(pending: Pending): void {
    this.#pending.set(pending.waiting.id, pending);
    this.#onWaiting(pending.waiting, true);
  }

  get(id: string): Pending | undefined {
    return this.#pending.get(id);
  }

  /** It waits here no longer. */
  take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    this.#onWaiting(pending.waiting, false);
    return pending;
  }

  /** Jobs and lines by pool that were placed before and wait here for another place: no backlog counts them. */
  get again(): Map<string, number> {
    const jobs = new Map<string, number>();
    for (const { waiting } of this.#pending.values())
      if (waiting.epoch > 0 || waiting.batch !== null)
        jobs.set(waiting.pool, (jobs.get(waiting.pool) ?? 0) + waiting.jobs);
    return jobs;
  }

  /** What waits here of these tenants. */
  *ofTenants(tenants: ReadonlySet<string>): Generator<Waiting> {
    for (const { waiting } of this.#pending.values())
      if (tenants.has(waiting.tenant)) yield waiting;
  }

  /** What waits here, one entry of each kind that finds room together. */
  *kinds(): Generator<Waiting> {
    const seen = new Set<string>();
    for (const { waiting, lane } of this.#pending.values()) {
      if (seen.has(lane)) continue;
      seen.add(lane);
      yield waiting;
    }
  }

  /** Nothing of it gets a place any more: it is left where the ledger says it is. */
  close(): void {
    for (const pending of this.#pending.values()) pending.done('closed');
    this.#pending.clear();
  }
}
