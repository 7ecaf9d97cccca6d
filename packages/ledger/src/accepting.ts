/**
 * How everything that a POST makes comes into the ledger: record, list, the time to look after it and the
 * Idempotency-Key's memory in one step, under one hash tag. After it the answer is 2xx.
 */
import { slotOf } from '@sluice/job';
import type { ListOf } from './keys.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { fieldsOf, tagged } from './reply.ts';

/** What an Idempotency-Key is bound to: `key` names it within a tenant, `hash` is the request's. */
export interface Idempotency {
  slot: number;
  key: string;
  requestHash: string;
  keepSeconds: number;
}

/** `repeated`: the key made `id` before; `conflict`: with another request. */
export type Accepted = {
  kind: 'created' | 'repeated' | 'conflict';
  id: string;
  /** Created just now, with a share of the backlog: how many of it wait in its slot, with this one. */
  waiting?: number;
};

export interface NewRecord {
  id: string;
  /** Redis key of the record. All keys are of the id's slot, so is the idempotency's. */
  key: string;
  fields: Record<string, string | number | null>;
  createdAt: number;
  /** The zset that is read for what is due, and when it is, ms; null = never. */
  due: { key: string; at: number | null };
  /** The list it stands in; null = none. */
  list: ListOf | null;
  idempotency: Idempotency | null;
  /** Where it waits to be placed; null = it does not. */
  backlog: Backlogged | null;
}

/** With more than `window` of a share in a slot it is not looked after before its deadline: whoever places the others sees to it. */
interface Backlogged {
  key: string;
  /** Redis key of what waits there by pool. */
  pools: string;
  share: string;
  member: string;
  window: number;
  deadlineAt: number;
}

const ACCEPTED = ['created', 'repeated', 'conflict'] as const;

/** Creates a record. A second call with the same id changes nothing. */
export async function acceptRecord(ledger: Ledger, record: NewRecord): Promise<Accepted> {
  const { id, key, due, list, idempotency, backlog } = record;
  const memory = idempotency && ledger.keys.idempotency(idempotency.slot, idempotency.key);
  const names = [key, due.key, memory ?? key, ...(list === null ? [] : listKeys(ledger, id, list))];
  if (backlog) names.push(backlog.key, backlog.pools);
  const reply = await run(ledger, 'accept-record', names, [
    id,
    record.createdAt,
    due.at ?? '',
    idempotency?.requestHash ?? '',
    idempotency?.keepSeconds ?? 1,
    backlog?.share ?? '',
    backlog?.member ?? '',
    backlog?.window ?? 0,
    backlog?.deadlineAt ?? '',
    list?.tenant ?? '',
    ...fieldsOf(record.fields),
  ]);
  const [tag, accepted, waiting] = tagged(reply);
  const kind = ACCEPTED[tag - 1] as Accepted['kind'];
  return { kind, id: String(accepted), ...(Number(waiting) > 0 && { waiting: Number(waiting) }) };
}

/** What a script needs that puts an id into a list, or takes it out: the list, and who has one. */
export function listKeys({ keys }: Ledger, id: string, list: ListOf): [string, string] {
  const slot = slotOf(id);
  return [keys.list(list, slot), keys.listed(list.kind, slot)];
}
