/**
 * Lines that were fed before and wait here for another place: they failed, or their chunk was handed back. They count as fed
 * and not recorded, but nobody calls for them. Pure.
 */
import type { Waiting } from '@sluice/ledger';

type Entry = Pick<Waiting, 'batch' | 'tenant' | 'jobs'>;

export class LinesWaiting {
  readonly #lines = new Map<string, number>();
  readonly #byBatch = new Map<string, number>();

  /** An entry begins to wait, or waits no longer. Single jobs are passed over. */
  note({ batch, tenant, jobs }: Entry, waits: boolean): void {
    if (batch === null) return;
    const more = waits ? jobs : -jobs;
    count(this.#lines, tenant, more);
    count(this.#byBatch, batch, more);
  }

  of(tenant: string): number {
    return this.#lines.get(tenant) ?? 0;
  }

  ofBatch(batch: string): number {
    return this.#byBatch.get(batch) ?? 0;
  }
}

function count(sums: Map<string, number>, of: string, more: number): void {
  const sum = (sums.get(of) ?? 0) + more;
  if (sum > 0) sums.set(of, sum);
  else sums.delete(of);
}
