/**
 * Recording of outcomes. Each slot's stream is read by whoever holds the slot's recorder lease; every script checks that
 * lease in the same step, so two recorders never record the same thing, however late one of them wakes.
 */
import type { Redis } from 'ioredis';
import { slotOf } from '@sluice/job';
import type { Extent } from './batches.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { fieldsOf, tagged } from './reply.ts';
import { figuresOf, packed, rulesOf, usageKey } from './usage.ts';
import type { CallSums } from './usage.ts';

/** Takes or renews the recorder lease of a slot, also where Redis is full. */
export async function holdRecorder(
  ledger: Ledger,
  slot: number,
  lease: { holder: string; ms: number },
): Promise<boolean> {
  const names = [ledger.keys.recorder(slot)];
  return (await run(ledger, 'hold-recorder', names, [lease.holder, lease.ms])) === 1;
}

/** Gives a slot up at once, so that another dispatcher takes over without waiting for the lease to lapse. */
export async function releaseRecorder(ledger: Ledger, slot: number, holder: string): Promise<void> {
  await run(ledger, 'give-up-lease', [ledger.keys.recorder(slot)], [holder]);
}

/** An outcome as it lies in the stream: field values in order of writing, without `id` and `e`. */
export interface StreamOutcome {
  slot: number;
  streamId: string;
  id: string;
  epoch: number;
  fields: Buffer[];
}

/**
 * Reads outcomes of the slots beyond the given positions; waits up to `blockMs` when there is none. They are slots that
 * one command may read: see `readTogether`.
 * `redis` is a connection of its own: it blocks.
 */
export async function readOutcomes(
  redis: Redis,
  ledger: Ledger,
  options: { from: ReadonlyMap<number, string>; count: number; blockMs: number },
): Promise<StreamOutcome[]> {
  const slots = [...options.from.keys()];
  if (slots.length === 0) return [];
  const streams = slots.map((slot) => ledger.keys.outcomes(slot));
  const positions = slots.map((slot) => options.from.get(slot) as string);
  const reply = (await redis.callBuffer(
    'XREAD',
    'COUNT',
    String(options.count),
    'BLOCK',
    String(options.blockMs),
    'STREAMS',
    ...streams,
    ...positions,
  )) as StreamReply;
  const bySlot = new Map(streams.map((key, i) => [key, slots[i] as number]));
  return rowsOf(reply).flatMap(([key, rows]) => {
    const slot = bySlot.get(key.toString()) as number;
    return rows.map(([streamId, fields]) => outcomeOf(slot, streamId, fields));
  });
}

type Rows = [Buffer, Buffer[]][];
type StreamReply = [Buffer, Rows][] | Map<Buffer, Rows> | null;

/** RESP2 answers with pairs, RESP3 with a map or a flat list. */
function rowsOf(reply: StreamReply): [Buffer, Rows][] {
  if (reply === null) return [];
  if (reply instanceof Map) return [...reply.entries()];
  const flat = reply as unknown[];
  if (flat.length > 0 && Buffer.isBuffer(flat[0])) {
    return flat.flatMap((key, i) => (i % 2 === 0 ? [[key, flat[i + 1]] as [Buffer, Rows]] : []));
  }
  return reply;
}

function outcomeOf(slot: number, streamId: Buffer, fields: Buffer[]): StreamOutcome {
  const values: Buffer[] = [];
  for (let i = 5; i < fields.length; i += 2) values.push(fields[i] as Buffer);
  return {
    slot,
    streamId: streamId.toString(),
    id: (fields[1] as Buffer).toString(),
    epoch: Number((fields[3] as Buffer).toString()),
    fields: values,
  };
}

/** What becomes of a single job after an attempt. */
export interface JobRecord {
  id: string;
  streamId: string;
  epoch: number;
  holder: string;
  /** JSON objects, comma-separated. */
  attempts: string;
  next: 'succeeded' | 'failed' | 'expired' | 'retry';
  now: number;
  keepSeconds: number;
  eventId: string;
  checkAt: number;
  /** What the attempt used, and where. */
  used: CallSums & { deployment: string };
  set: Record<string, string | number | null>;
}

export type Recorded =
  | { kind: 'applied'; epoch: number; tenant: string; pool: string }
  | { kind: 'kept'; tenant: string; pool: string }
  | { kind: 'before' }
  | { kind: 'not_recorder' };

export async function recordJob(ledger: Ledger, record: JobRecord): Promise<Recorded> {
  const { keys } = ledger;
  const slot = slotOf(record.id);
  const event =
    record.next === 'retry'
      ? ''
      : JSON.stringify({
          id: record.eventId,
          type: `job.${record.next}`,
          subject: record.id,
          at: record.now,
        });
  const reply = await run(
    ledger,
    'record-job',
    [
      keys.job(record.id),
      keys.check(slot),
      keys.outcomes(slot),
      keys.outbox(slot),
      keys.recorder(slot),
      usageKey(ledger, slot, record.now),
      keys.listeners(slot),
    ],
    [
      record.id,
      record.streamId,
      record.holder,
      record.attempts,
      record.next,
      record.now,
      record.keepSeconds,
      event,
      keys.changes,
      record.checkAt,
      record.epoch,
      rulesOf(ledger),
      record.used.deployment,
      packed(figuresOf(record.used)),
      ...fieldsOf(record.set),
    ],
  );
  const [tag, epoch, tenant, pool] = tagged(reply);
  const whose = { tenant: String(tenant), pool: String(pool) };
  if (tag === 1) return { kind: 'applied', epoch: Number(epoch), ...whose };
  if (tag === 2) return { kind: 'kept', ...whose };
  return { kind: tag === 0 ? 'before' : 'not_recorder' };
}

/** Ends a batch whose files are written. `outdated`: lines were recorded since, write the files again. */
export async function finishBatch(
  ledger: Ledger,
  end: {
    id: string;
    from: readonly string[];
    to: 'failed' | 'completed' | 'expired' | 'cancelled';
    now: number;
    eventId: string;
    keepSeconds: number;
    /** What its files were written from; null = it has none. */
    extents: readonly Extent[] | null;
    /** The pool of all its lines; '' when there are several. */
    pool: string;
    /** When its record and what was recorded of it may go, ms. */
    lapsesAt: number;
    set: Record<string, string | number | null>;
  },
): Promise<'ended' | 'had_ended' | 'missing' | 'outdated'> {
  const { keys } = ledger;
  const slot = slotOf(end.id);
  const event = JSON.stringify({
    id: end.eventId,
    type: `batch.${end.to}`,
    subject: end.id,
    at: end.now,
  });
  const reply = await run(
    ledger,
    'finish-batch',
    [
      keys.batch(end.id),
      keys.check(slot),
      keys.outbox(slot),
      keys.seen(end.id),
      keys.chunks(end.id),
      keys.extents(end.id),
      usageKey(ledger, slot, end.now),
      keys.expiries(slot),
      keys.listeners(slot),
    ],
    [
      end.id,
      end.from.join(' '),
      end.to,
      end.now,
      event,
      keys.changes,
      end.keepSeconds,
      end.extents?.length ?? '',
      rowOf(end.extents?.at(-1)),
      rulesOf(ledger),
      end.pool,
      end.lapsesAt,
      ...fieldsOf(end.set),
    ],
  );
  const answers = { '1': 'ended', '0': 'had_ended', '-1': 'missing', '-2': 'outdated' } as const;
  return answers[String(reply) as keyof typeof answers];
}

/** An extent as it stands in the list. */
const rowOf = (extent: Extent | undefined): string =>
  extent ? `${extent.segment} ${extent.start} ${extent.end}` : '';

/** Whether answers of a batch whose chunks are all gone still wait to be recorded. */
export async function outcomesLeft(ledger: Ledger, batchId: string): Promise<boolean> {
  const names = [ledger.keys.batch(batchId), ledger.keys.outcomes(slotOf(batchId))];
  return (await run(ledger, 'outcomes-left', names, [])) === 1;
}
