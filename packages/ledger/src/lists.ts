/** Lists over all slots: newest (or oldest) first, paged by the last id of the page before, as OpenAI's lists. */
import { slotOf } from '@sluice/job';
import { SLOT_NUMBERS } from './keys.ts';
import type { ListKind } from './keys.ts';
import type { Ledger } from './ledger.ts';

export interface Page {
  /** The id after which to go on; null = from the beginning. */
  after: string | null;
  limit: number;
  order: 'asc' | 'desc';
}

interface Row {
  id: string;
  at: number;
}

/**
 * Ids in order of creation. `unknown_after` when the cursor's object is not listed (never was, or was deleted).
 * Reads at most `limit` rows per slot and page.
 */
export async function listIds(
  ledger: Ledger,
  kind: ListKind,
  page: Page,
): Promise<{ kind: 'page'; ids: string[] } | { kind: 'unknown_after' }> {
  const from = await cursorOf(ledger, kind, page.after);
  if (from === 'unknown') return { kind: 'unknown_after' };
  const slots = await Promise.all(
    SLOT_NUMBERS.map((slot) => rowsOf(ledger, ledger.keys.list(kind, slot), { page, from })),
  );
  const sign = page.order === 'desc' ? -1 : 1;
  const rows = slots.flat().toSorted((a, b) => sign * compareRows(a, b));
  return { kind: 'page', ids: rows.slice(0, page.limit).map((row) => row.id) };
}

const compareRows = (a: Row, b: Row): number =>
  a.at - b.at || (a.id < b.id ? -1 : Number(a.id > b.id));

async function cursorOf(
  ledger: Ledger,
  kind: ListKind,
  after: string | null,
): Promise<Row | null | 'unknown'> {
  if (after === null) return null;
  const at = await ledger.redis.zscore(ledger.keys.list(kind, slotOf(after)), after);
  return at === null ? 'unknown' : { id: after, at: Number(at) };
}

/** Rows of one slot beyond the cursor. Ties with the cursor's millisecond are read too and sorted out here. */
async function rowsOf(
  ledger: Ledger,
  key: string,
  { page, from }: { page: Page; from: Row | null },
): Promise<Row[]> {
  const descending = page.order === 'desc';
  const found: Row[] = [];
  for (let skip = 0; found.length < page.limit; skip += page.limit) {
    const edge = from === null ? (descending ? '+inf' : '-inf') : String(from.at);
    const other = descending ? '-inf' : '+inf';
    const reply = descending
      ? await ledger.redis.zrevrangebyscore(
          key,
          edge,
          other,
          'WITHSCORES',
          'LIMIT',
          skip,
          page.limit,
        )
      : await ledger.redis.zrangebyscore(key, edge, other, 'WITHSCORES', 'LIMIT', skip, page.limit);
    const rows = pairs(reply);
    found.push(...rows.filter((row) => isBeyond(row, from, descending)));
    if (rows.length < page.limit) break;
  }
  return found.slice(0, page.limit);
}

function isBeyond(row: Row, from: Row | null, descending: boolean): boolean {
  if (from === null) return true;
  return descending ? compareRows(row, from) < 0 : compareRows(row, from) > 0;
}

function pairs(reply: string[]): Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < reply.length; i += 2) {
    rows.push({ id: reply[i] as string, at: Number(reply[i + 1]) });
  }
  return rows;
}
