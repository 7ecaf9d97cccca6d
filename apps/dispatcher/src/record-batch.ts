/**
 * Records outcomes of one batch: decides about each failure, appends the rows that are final to the segment, then one
 * script counts, retries and acknowledges. What has to go on a queue goes there last; the sweeper repairs a crash between.
 */
import type { Queue } from 'bullmq';
import { lineId } from '@sluice/job';
import type { Fleet } from '@sluice/job';
import { addSpending, decodeOutcomes, recordLines } from '@sluice/ledger';
import type { Ledger, LinesEntry, LinesRetry, OutcomeMeta, StreamOutcome } from '@sluice/ledger';
import { entryJobId } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';
import { sumsOf } from './batch-sums.ts';
import { addDead } from './dead.ts';
import type { DeadPorts } from './dead.ts';
import type { DispatcherEvents } from './events.ts';
import type { LineAnswers } from './lengths-keeper.ts';
import { readOrigins, retriesOf } from './line-retries.ts';
import type { FailedLine, Origin } from './line-retries.ts';
import { bandOf } from './run-entry.ts';
import type { Segments } from './segments.ts';
import { verdictOf } from './verdict.ts';
import type { WritingTrouble } from './writing-trouble.ts';
import type { Backoff, RetryBudgets, Verdict } from '@sluice/retry';

export interface RecordBatchPorts {
  ledger: Ledger;
  fleet: Fleet;
  segments: Segments;
  writing: WritingTrouble;
  holder: string;
  maxAttempts: number;
  backoff: Backoff;
  retries: RetryBudgets;
  fallbackQueue: (pool: string) => Queue<EntryData>;
  deadQueue: DeadPorts['deadQueue'];
  events: DispatcherEvents;
  now: () => number;
  random: () => number;
  /** A call for a line has ended. */
  onLine: (meta: OutcomeMeta) => void;
  onRecorded: (batch: string, recorded: number) => void;
  /** Calls of lines that ended, recorded just now. */
  onCalls: (metas: readonly OutcomeMeta[]) => void;
  /** Answers that were recorded, by the chunks that brought them. */
  onAnswers: (batch: string, answers: LineAnswers[]) => void;
  /** All lines are recorded: the batch can be finalised. */
  onComplete: (batch: string) => Promise<void>;
}

/** What one stream entry comes to. */
interface Gathered {
  entry: LinesEntry;
  rows: Buffer[];
  dead: OutcomeMeta[];
  answers: LineAnswers;
  /** Calls that ended. */
  calls: OutcomeMeta[];
}

/** False when another dispatcher records this slot now. */
export async function recordBatch(
  ports: RecordBatchPorts,
  batch: string,
  outcomes: readonly StreamOutcome[],
): Promise<boolean> {
  const gathered = await gatherAll(ports, batch, outcomes);
  const entries = gathered.map(({ entry }) => entry);
  const segment = await append(
    ports,
    batch,
    gathered.flatMap(({ rows }) => rows),
  );
  const record = { batch, holder: ports.holder, now: ports.now(), segment, entries };
  const metas = gathered.flatMap((one) => one.dead);
  const dead = metas.map(({ line, outcome: code }) => ({ id: lineId(batch, line), code }));
  const told = await addDead(ports, dead);
  const recorded = await recordLines(ports.ledger, record);
  if (recorded.kind === 'not_recorder') return false;
  if (!told) await addDead(ports, dead);
  tellDead(ports, batch, metas);
  await enqueue(
    ports,
    entries.flatMap(({ retries }) => retries),
  );
  if (recorded.kind === 'recorded') {
    const calls = gathered.flatMap((one) => one.calls);
    ports.retries.calledFor(recorded.tenant, calls.length, ports.now());
    ports.onCalls(calls);
    ports.onRecorded(batch, recorded.recorded);
    ports.onAnswers(
      batch,
      gathered.map(({ answers }) => answers),
    );
    const spending = { usd: recorded.usd, now: ports.now() };
    addSpending(ports.ledger, recorded.tenant, spending).catch(() => undefined);
    if (recorded.status === 'finalizing') await ports.onComplete(batch);
  }
  return true;
}

function tellDead(
  { events }: RecordBatchPorts,
  batch: string,
  metas: readonly OutcomeMeta[],
): void {
  for (const { line, outcome: code, attempts } of metas)
    events.jobDead({ ref: lineId(batch, line), code, attempts: attempts.length });
}

async function gatherAll(
  ports: RecordBatchPorts,
  batch: string,
  outcomes: readonly StreamOutcome[],
): Promise<Gathered[]> {
  const decoded = outcomes.map((outcome) => ({ outcome, items: decodeOutcomes(outcome.fields) }));
  const failures = decoded.flatMap(({ outcome, items }) => {
    const places = items.filter(({ meta }) => meta.outcome !== 'ok').map(({ meta }) => meta.place);
    return places.length > 0 ? [{ chunk: outcome.id, places }] : [];
  });
  const origins = await readOrigins(ports.ledger, failures);
  const expiresAt = failures.length > 0 ? await readExpiry(ports.ledger, batch) : Infinity;
  return decoded.map((one) =>
    gather(ports, { ...one, origin: origins.get(one.outcome.id), expiresAt }),
  );
}

interface OneEntry {
  outcome: StreamOutcome;
  items: ReturnType<typeof decodeOutcomes>;
  origin: Origin | undefined;
  expiresAt: number;
}

function gather(ports: RecordBatchPorts, one: OneEntry): Gathered {
  const { outcome, items, origin, expiresAt } = one;
  const lines: LinesEntry['lines'] = [];
  const rows: Buffer[] = [];
  const failed: FailedLine[] = [];
  const dead: OutcomeMeta[] = [];
  for (const { meta, raw } of items) {
    ports.onLine(meta);
    const ok = meta.outcome === 'ok';
    ports.retries.called(meta.deployment, ports.now());
    // A late failure of a line that ended or is tried again elsewhere: paid for, but it decides nothing.
    if (!ok && (!origin || origin.left.has(meta.place))) continue;
    const verdict = ok ? null : judge(ports, meta, one);
    if (verdict?.kind === 'retry') {
      failed.push({ meta, verdict });
      continue;
    }
    if (verdict?.kind === 'dead') dead.push(meta);
    rows.push(raw);
    lines.push({ line: meta.line, ok, place: meta.place });
  }
  // Each leaves its chunk once: with a later entry of the same turn it would keep back the others of its retry.
  for (const { place } of [...lines, ...failed.map(({ meta }) => meta)]) origin?.left.add(place);
  const facts = { streamId: outcome.streamId, now: ports.now(), expiresAt };
  const entry: LinesEntry = {
    streamId: outcome.streamId,
    chunk: outcome.id,
    bytes: rows.reduce((sum, row) => sum + row.length, 0),
    ...sumsOf(
      ports.fleet,
      items.map(({ meta }) => meta),
    ),
    deployment: items[0]?.meta.deployment ?? '',
    lines,
    retries: origin ? retriesOf(failed, { ...facts, origin }) : [],
  };
  const answers = { chunk: outcome.id, tokens: tokensOf(items) };
  return { entry, rows, dead, calls: items.map(({ meta }) => meta), answers };
}

const tokensOf = (items: OneEntry['items']): number[] =>
  items.flatMap(({ meta: { outcome, usage } }) =>
    outcome === 'ok' && usage ? [usage.output_tokens] : [],
  );

const judge = (
  ports: RecordBatchPorts,
  meta: OutcomeMeta,
  { origin, expiresAt }: OneEntry,
): Verdict =>
  verdictOf(
    meta,
    {
      fleet: ports.fleet,
      pool: origin?.pool ?? '',
      tenant: origin?.tenant ?? '',
      maxTier: origin?.maxTier ?? null,
      maxAttempts: ports.maxAttempts,
      backoff: ports.backoff,
      now: ports.now(),
      deadlineAt: expiresAt,
      retries: ports.retries,
    },
    ports.random,
  );

/** Writes all rows behind each other; where the first begins. */
async function append(ports: RecordBatchPorts, batch: string, rows: readonly Buffer[]) {
  if (rows.length === 0) return null;
  const { segment, start } = await ports.writing.during(() => ports.segments.append(batch, rows));
  return { name: segment, start };
}

/** Retries to their fallback queues. A crash before this is repaired by the sweeper. */
async function enqueue(ports: RecordBatchPorts, retries: readonly LinesRetry[]): Promise<void> {
  try {
    await Promise.all(retries.map((retry) => queueRetry(ports, retry)));
  } catch (error) {
    ports.events.failed({ what: 'queueing after outcomes', error: String(error) });
  }
}

function queueRetry(ports: RecordBatchPorts, { chunk, notBefore }: LinesRetry) {
  const data = { id: chunk.id, epoch: 0 };
  const delay = Math.max(0, Math.ceil(notBefore - ports.now()));
  const options = { jobId: entryJobId(data), priority: bandOf(chunk.priority), delay };
  return ports.fallbackQueue(chunk.pool).add('retry', data, options);
}

async function readExpiry(ledger: Ledger, batch: string): Promise<number> {
  return Number((await ledger.redis.hget(ledger.keys.batch(batch), 'expires')) ?? 0);
}
