/** Lists as OpenAI pages them, filtered by tenant and by what the query asks. */
import { isId } from '@sluice/job';
import type { IdKind } from '@sluice/job';
import { listIds } from '@sluice/ledger';
import type { Ledger, ListKind } from '@sluice/ledger';
import { refuse, show } from './errors.ts';

/** Rows looked at for one page: a filter that matches little must not read the whole ledger. */
const MOST_ROWS = 20_000;
const ROWS_AT_ONCE = 500;

const ID_KIND: Record<ListKind, IdKind> = {
  jobs: 'job',
  batches: 'batch',
  files: 'file',
  endpoints: 'whe',
};

export interface Listing<T> {
  kind: ListKind;
  after: string | undefined;
  limit: number;
  order: 'asc' | 'desc';
  /** Null: not to be shown. */
  read: (id: string) => Promise<T | null>;
}

export interface ListObject<T> {
  object: 'list';
  data: T[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/**
 * One page. Where a filter passes over very many objects, `last_id` is the last one looked at and `has_more` is true:
 * go on after it.
 */
export async function listPage<T extends { id: string }>(
  ledger: Ledger,
  listing: Listing<T>,
): Promise<ListObject<T>> {
  const data: T[] = [];
  let after = checkAfter(listing);
  let rows = Math.min(listing.limit + 1, ROWS_AT_ONCE);
  for (let looked = 0; looked < MOST_ROWS; looked += rows) {
    const ids = await pageOf(ledger, listing, { after, limit: rows });
    const found = (await Promise.all(ids.map(listing.read))).filter((one) => one !== null);
    data.push(...found);
    if (data.length > listing.limit) return listOf(data.slice(0, listing.limit), true);
    if (ids.length < rows) return listOf(data, false);
    after = ids.at(-1) as string;
    rows = ROWS_AT_ONCE;
  }
  return { ...listOf(data, true), last_id: after };
}

async function pageOf(
  ledger: Ledger,
  { kind, order }: Listing<unknown>,
  { after, limit }: { after: string | null; limit: number },
): Promise<string[]> {
  const page = await listIds(ledger, kind, { after, limit, order });
  return page.kind === 'page' ? page.ids : refuseAfter(kind, after);
}

function checkAfter({ kind, after }: Listing<unknown>): string | null {
  if (after === undefined || after === '') return null;
  return isId(ID_KIND[kind], after) ? after : refuseAfter(kind, after);
}

const refuseAfter = (kind: ListKind, after: string | null): never =>
  refuse('invalid_value', {
    param: 'after',
    values: { field: 'after', found: show(after), allowed: `an id of the list of ${kind}` },
  });

/** A page in OpenAI's envelope. */
export function listOf<T extends { id: string }>(data: T[], hasMore: boolean): ListObject<T> {
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}
