/**
 * Lists: each tenant's jobs, batches, files and webhook endpoints by creation, in the slots of their ids. What creates an
 * object puts it in and what deletes it takes it out, in one script, so nobody's list is longer for what others have. A list of all
 * tenants is put together of theirs when someone asks (docs/decisions/0017). Only rows of jobs outlive their records, for
 * these lapse by themselves: list-walk.ts of the api takes them out.
 */
import { slotOf } from '@sluice/job';
import { listKeys } from './accepting.ts';
import { SLOT_NUMBERS } from './keys.ts';
import type { ListKind, ListOf } from './keys.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';

export interface Reading {
  kind: ListKind;
  /** Null = of all tenants. */
  tenant: string | null;
  order: 'asc' | 'desc';
}

/** An id and when it was created, Unix ms: a place in every list, whether or not the object is there any more. */
export interface ListRow {
  id: string;
  at: number;
}

/** Where an object stands; null when the list does not have it (never had, or it was deleted). */
export async function placeOf(
  { redis, keys }: Ledger,
  { kind, tenant }: Pick<Reading, 'kind' | 'tenant'>,
  id: string,
): Promise<ListRow | null> {
  const record = {
    jobs: keys.job,
    batches: keys.batch,
    files: keys.file,
    endpoints: keys.endpoint,
  };
  const owner = tenant ?? (await redis.hget(record[kind](id), 'tenant'));
  if (owner === null) return null;
  const at = await redis.zscore(keys.list({ kind, tenant: owner }, slotOf(id)), id);
  return at === null ? null : { id, at: Number(at) };
}

/** Rows in order of creation behind `from` (null = from the beginning); fewer than `limit` only where the list ends. */
export async function readRows(
  ledger: Ledger,
  reading: Reading,
  { from, limit }: { from: ListRow | null; limit: number },
): Promise<ListRow[]> {
  const parts = SLOT_NUMBERS.map((slot): Part => ({ slot, rows: [], last: from, ended: false }));
  // Ids are spread evenly over the slots, so that one round of these is mostly enough.
  const atOnce = Math.ceil((1.25 * limit) / SLOT_NUMBERS.length) + 4;
  const order = rowOrder(reading.order);
  for (let open = parts; open.length > 0;) {
    await Promise.all(open.map((part) => readOn(ledger, reading, { part, atOnce })));
    const edge = mergedRows(parts, order)[limit - 1];
    open = parts.filter(({ last, ended }) => !ended && (!edge || !last || order(last, edge) < 0));
  }
  return mergedRows(parts, order).slice(0, limit);
}

/** Ids from the beginning of a list. */
export async function listIds(ledger: Ledger, reading: Reading, limit: number): Promise<string[]> {
  return (await readRows(ledger, reading, { from: null, limit })).map(({ id }) => id);
}

/** Tenants with a list of the kind in this slot, in no order. */
export const tenantsListed = (
  { redis, keys }: Ledger,
  kind: ListKind,
  slot: number,
): Promise<string[]> => redis.zrange(keys.listed(kind, slot), 0, '-1');

/** Takes ids of one slot out of their tenant's list, in one step with the deletion of other keys of theirs; how many it had. */
export async function unlist(
  ledger: Ledger,
  list: ListOf,
  { ids, alsoDelete = [] }: { ids: readonly string[]; alsoDelete?: readonly string[] },
): Promise<number> {
  const [first] = ids;
  if (first === undefined) return 0;
  const names = [...listKeys(ledger, first, list), ...alsoDelete];
  return Number(await run(ledger, 'unlist', names, [list.tenant, ...ids]));
}

/** What has been read of one slot. */
interface Part {
  slot: number;
  rows: ListRow[];
  /** Where it was read to. */
  last: ListRow | null;
  ended: boolean;
}

type Order = (a: ListRow, b: ListRow) => number;

const ascending: Order = (a, b) => a.at - b.at || (a.id < b.id ? -1 : Number(a.id > b.id));

const rowOrder = (order: Reading['order']): Order =>
  order === 'asc' ? ascending : (a, b) => ascending(b, a);

const mergedRows = (parts: readonly Part[], order: Order): ListRow[] =>
  parts.flatMap(({ rows }) => rows).toSorted(order);

/** Reads on in one slot, by at least one row where it has not ended. */
async function readOn(
  ledger: Ledger,
  { kind, tenant, order }: Reading,
  { part, atOnce }: { part: Part; atOnce: number },
): Promise<void> {
  const { keys } = ledger;
  const { slot, last } = part;
  const only = tenant === null ? [] : [keys.list({ kind, tenant }, slot)];
  const reply = await run(
    ledger,
    'read-lists',
    [keys.listed(kind, slot), ...only],
    [keys.lists(kind, slot), order, last?.at ?? '', last?.id ?? '', atOnce],
  );
  const rows = rowsIn(reply as string[]);
  part.ended = rows.length < atOnce;
  part.rows.push(...rows);
  part.last = rows.at(-1) ?? last;
}

function rowsIn(reply: readonly string[]): ListRow[] {
  const rows: ListRow[] = [];
  for (let i = 0; i < reply.length; i += 2)
    rows.push({ id: reply[i] as string, at: Number(reply[i + 1]) });
  return rows;
}
