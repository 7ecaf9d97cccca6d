/**
 * Lists as OpenAI pages them: of the caller's own objects, of everybody's where it may see them. A page is only empty where the list
 * has ended: the official SDKs stop at an empty one.
 */
import { isId } from '@sluice/job';
import type { IdKind } from '@sluice/job';
import { placeOf, readRows } from '@sluice/ledger';
import type { Ledger, ListKind, ListRow } from '@sluice/ledger';
import { refuse, show } from './errors.ts';
import type { ApiRequest } from './http/message.ts';

/** Where a filter passes over more than this, what it has found is answered: `has_more` leads on. */
const MANY_ROWS = 20_000;
const ROWS_AT_ONCE = 2_000;

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
  /** Those of the ids that are worth reading; absent = all. */
  sift?: (ids: readonly string[]) => Promise<string[]>;
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

/** Rejects with `stopping` when the client leaves, or the process stops, before the page is found. */
export async function listPage<T extends { id: string }>(
  ledger: Ledger,
  { caller, signal }: Pick<ApiRequest, 'caller' | 'signal'>,
  listing: Listing<T>,
): Promise<ListObject<T>> {
  const tenant = caller.everyTenant === true ? null : caller.id;
  const reading = { kind: listing.kind, order: listing.order, tenant };
  const data: T[] = [];
  let from = await startOf(ledger, tenant, listing);
  let limit = listing.limit + 1;
  for (let passed = 0; data.length === 0 || passed < MANY_ROWS; passed += limit) {
    const rows = await readRows(ledger, reading, { from, limit });
    await addShown(data, rows, listing);
    if (data.length > listing.limit) return listOf(data.slice(0, listing.limit), true);
    if (rows.length < limit) return listOf(data, false);
    if (signal.aborted) refuse('stopping');
    from = rows.at(-1) as ListRow;
    limit = ROWS_AT_ONCE;
  }
  return listOf(data, true);
}

/** Adds what is to be shown, up to one more than the page takes: that one says that there are more. */
async function addShown<T>(
  data: T[],
  rows: readonly ListRow[],
  { limit, sift, read }: Listing<T>,
): Promise<void> {
  const all = rows.map(({ id }) => id);
  const ids = sift ? await sift(all) : all;
  for (let at = 0; at < ids.length && data.length <= limit;) {
    const some = ids.slice(at, at + limit + 1 - data.length);
    data.push(...(await Promise.all(some.map(read))).filter((one) => one !== null));
    at += some.length;
  }
}

async function startOf(
  ledger: Ledger,
  tenant: string | null,
  { kind, after }: Listing<unknown>,
): Promise<ListRow | null> {
  if (after === undefined || after === '') return null;
  const place = isId(ID_KIND[kind], after) ? await placeOf(ledger, { kind, tenant }, after) : null;
  return place ?? refuseAfter(kind, after);
}

const refuseAfter = (kind: ListKind, after: string): never =>
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
