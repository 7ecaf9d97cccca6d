/**
 * Recording of a batch's lines: everything that a few stream entries bring, in one script. What an entry brings is counted
 * in the step that deletes it from the stream, so nothing is counted twice and nothing is left out.
 */
import { slotOf } from '@sluice/job';
import { run } from './ledger.ts';
import type { Ledger, ScriptArgument } from './ledger.ts';
import { chunkFields } from './placing.ts';
import type { NewChunk } from './placing.ts';
import { tagged } from './reply.ts';
import { figuresOf, rulesOf, usageKey } from './usage.ts';
import type { CallSums } from './usage.ts';

/** Failed lines of one entry that go on together, in a chunk of their own. */
export interface LinesRetry {
  /** Places that they leave. */
  places: number[];
  chunk: NewChunk;
  checkAt: number;
  notBefore: number;
}

/** What one stream entry brings: outcomes of one delivery of a chunk. */
export interface LinesEntry extends CallSums {
  streamId: string;
  chunk: string;
  /** Bytes of its rows in the segment. */
  bytes: number;
  /** That was called. */
  deployment: string;
  byDeployment: Record<string, number>;
  /** Lines that have ended, with their places in the chunk. */
  lines: { line: number; ok: boolean; place: number }[];
  retries: LinesRetry[];
}

/** Outcomes of lines of one batch, their segment already on disk: the rows of one entry behind those of the other. */
export interface LinesRecord {
  batch: string;
  holder: string;
  now: number;
  /** Where the rows begin; null when there are none. */
  segment: { name: string; start: number } | null;
  entries: LinesEntry[];
}

export type LinesRecorded =
  | {
      kind: 'recorded';
      fresh: number;
      recorded: number;
      total: number;
      status: string;
      tenant: string;
      /** US dollars that these entries cost. */
      usd: number;
    }
  | { kind: 'not_recorder' | 'before' | 'gone' };

/**
 * Records entries, each once: one that has left the stream adds nothing, so recording it again among others is harmless.
 * `before`: all had left. What a batch that has ended is late for is only its cost.
 */
export async function recordLines(ledger: Ledger, record: LinesRecord): Promise<LinesRecorded> {
  const { keys } = ledger;
  const slot = slotOf(record.batch);
  const names = [
    keys.batch(record.batch),
    keys.seen(record.batch),
    keys.extents(record.batch),
    keys.outcomes(slot),
    keys.check(slot),
    keys.chunks(record.batch),
    keys.recorder(slot),
    usageKey(ledger, slot, record.now),
  ];
  const [tag, recorded, total, status, tenant, usd] = tagged(
    await run(ledger, 'record-lines', names, lineArguments(ledger, record)),
  );
  if (tag === -1) return { kind: 'not_recorder' };
  if (tag === -2) return { kind: 'before' };
  if (tag === -3) return { kind: 'gone' };
  return {
    kind: 'recorded',
    fresh: tag,
    recorded: Number(recorded),
    total: Number(total),
    status: String(status),
    tenant: String(tenant),
    usd: Number(usd),
  };
}

function lineArguments(ledger: Ledger, record: LinesRecord): ScriptArgument[] {
  const { keys } = ledger;
  const args: ScriptArgument[] = [
    record.batch,
    record.holder,
    record.now,
    keys.changes,
    keys.chunk(record.batch).slice(0, -record.batch.length),
    record.segment?.name ?? '',
    record.segment?.start ?? 0,
    rulesOf(ledger),
    record.entries.length,
  ];
  for (const entry of record.entries) addEntry(args, entry);
  return args;
}

function addEntry(args: ScriptArgument[], entry: LinesEntry): void {
  const { lines, retries } = entry;
  const [calls, failed, ...sums] = figuresOf(entry);
  args.push(entry.streamId, entry.chunk, entry.bytes, ...sums);
  args.push(entry.deployment, calls, failed);
  const deployments = Object.entries(entry.byDeployment);
  args.push(deployments.length, ...deployments.flat());
  args.push(lines.length);
  for (const { line, ok, place } of lines) args.push(line, ok ? 1 : 0, place);
  args.push(retries.length);
  for (const { places, chunk, checkAt, notBefore } of retries) {
    const fields = [...chunkFields(chunk), 'not_before', String(notBefore)];
    args.push(places.length, ...places, chunk.id, Math.min(checkAt, chunk.deadlineAt));
    args.push(fields.length, ...fields);
  }
}
