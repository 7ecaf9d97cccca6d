/**
 * Takes rows out of the lists of jobs whose records are gone: those go by themselves. A record lives at least as long as the
 * retention of jobs, so only rows older than that are looked at, and rows that stay (jobs still open, dead ones) are
 * passed over: each round goes on behind them, and from the beginning again when it comes to the younger ones.
 */
import type { Ledger } from '@sluice/ledger';

const AT_ONCE = 500;

export class ListWalk {
  readonly #ledger: Ledger;
  /** Rows that are there yet, per slot, from the oldest. */
  readonly #passed = new Map<number, number>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** How many rows went. `before`: of jobs created until then, Unix ms; looks at `most` rows. */
  async removeGone(
    slot: number,
    { before, most }: { before: number; most: number },
  ): Promise<number> {
    let removed = 0;
    for (let looked = 0; looked < most; looked += AT_ONCE) {
      const from = this.#passed.get(slot) ?? 0;
      const ids = await this.#rows(slot, { from, before });
      const gone = await this.#gone(slot, ids);
      removed += gone;
      const end = ids.length < AT_ONCE;
      this.#passed.set(slot, end ? 0 : from + ids.length - gone);
      if (end) break;
    }
    return removed;
  }

  async #rows(slot: number, { from, before }: { from: number; before: number }): Promise<string[]> {
    const { redis, keys } = this.#ledger;
    const list = keys.list('jobs', slot);
    const rows = await redis.zrange(list, String(from), String(from + AT_ONCE - 1), 'WITHSCORES');
    const ids: string[] = [];
    for (let i = 0; i < rows.length; i += 2)
      if (Number(rows[i + 1]) <= before) ids.push(rows[i] as string);
    return ids;
  }

  async #gone(slot: number, ids: readonly string[]): Promise<number> {
    const { redis, keys } = this.#ledger;
    const there = await Promise.all(ids.map((id) => redis.exists(keys.job(id))));
    const gone = ids.filter((_, i) => there[i] === 0);
    return gone.length === 0 ? 0 : redis.zrem(keys.list('jobs', slot), ...gone);
  }
}
