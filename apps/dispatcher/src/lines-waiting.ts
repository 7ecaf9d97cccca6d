/**
 * Lines that were fed before and wait here for another place: they failed, or their chunk was handed back. They count as fed
 * and not recorded, but nobody calls for them. Pure.
 */
import type { Waiting } from '@sluice/ledger';

type Entry = Pick<Waiting, 'batch' | 'tenant' | 'jobs'>;

export class LinesWaiting {
  readonly #lines = new Map<string, number>();

  /** An entry begins to wait, or waits no longer. Single jobs are passed over. */
  note({ batch, tenant, jobs }: Entry, waits: boolean): void {
    if (batch === null) return;
    const lines = this.of(tenant) + (waits ? jobs : -jobs);
    if (lines > 0) this.#lines.set(tenant, lines);
    else this.#lines.delete(tenant);
  }

  of(tenant: string): number {
    return this.#lines.get(tenant) ?? 0;
  }
}
