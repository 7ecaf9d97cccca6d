/**
 * Takes rows out of the lists of jobs whose records are gone: those go by themselves. A record lives at least as long as the
 * retention of jobs, so only rows older than that are looked at, and rows that stay (jobs still open, dead ones) are
 * passed over: each round goes on where the one before it stopped, tenant after tenant, and begins anew behind the last.
 */
import { tenantsListed, unlist } from '@sluice/ledger';
import type { Ledger, ListOf } from '@sluice/ledger';

const AT_ONCE = 500;

/** How far a slot was looked at: rows of a tenant, from the oldest, that are there yet. */
interface Place {
  tenant: string;
  passed: number;
}

const BEGINNING: Place = { tenant: '', passed: 0 };

export class ListWalk {
  readonly #ledger: Ledger;
  readonly #places = new Map<number, Place>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** How many rows went. `before`: of jobs created until then, Unix ms; looks at about `most` rows. */
  async removeGone(
    slot: number,
    { before, most }: { before: number; most: number },
  ): Promise<number> {
    let removed = 0;
    let left = most;
    const from = this.#places.get(slot) ?? BEGINNING;
    for (const tenant of await this.#tenantsFrom(slot, from)) {
      let passed = tenant === from.tenant ? from.passed : 0;
      for (let ended = false; !ended;) {
        const rows = await this.#oldest({ kind: 'jobs', tenant }, slot, { passed, before });
        removed += rows.gone;
        passed += rows.looked - rows.gone;
        ended = rows.looked < AT_ONCE;
        left -= rows.looked + 1;
        this.#places.set(slot, { tenant, passed });
        if (left <= 0) return removed;
      }
    }
    this.#places.delete(slot);
    return removed;
  }

  async #tenantsFrom(slot: number, { tenant }: Place): Promise<string[]> {
    const tenants = await tenantsListed(this.#ledger, 'jobs', slot);
    return tenants.filter((one) => one >= tenant).toSorted();
  }

  async #oldest(
    list: ListOf,
    slot: number,
    { passed, before }: { passed: number; before: number },
  ): Promise<{ looked: number; gone: number }> {
    const { redis, keys } = this.#ledger;
    const key = keys.list(list, slot);
    const ids = await redis.zrangebyscore(key, '-inf', before, 'LIMIT', passed, AT_ONCE);
    const there = await Promise.all(ids.map((id) => redis.exists(keys.job(id))));
    const gone = ids.filter((_, i) => there[i] === 0);
    return { looked: ids.length, gone: await unlist(this.#ledger, list, { ids: gone }) };
  }
}
