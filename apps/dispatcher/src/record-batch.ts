/**
 * Records outcomes of one batch: decides about each failure, appends the rows that are final to the segment, then one
 * script counts, retries and acknowledges. What has to go on a queue goes there last; the sweeper repairs a crash between.
 */
import type { Queue } from 'bullmq';
import { lineId } from '@sluice/job';
import type { Fleet } from '@sluice/job';
import { decodeOutcomes, recordLines } from '@sluice/ledger';
import type {
  Ledger,
  LineHistory,
  LineRef,
  LinesRecord,
  NewChunk,
  OutcomeMeta,
  StreamOutcome,
} from '@sluice/ledger';
import { entryJobId } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';
import { spentAttempts } from '@sluice/retry';
import { sumsOf } from './batch-sums.ts';
import type { DispatcherEvents } from './events.ts';
import { bandOf, CHECK_PLACED_MS } from './placer.ts';
import type { Segments } from './segments.ts';
import { verdictOf } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export interface RecordBatchPorts {
  ledger: Ledger;
  fleet: Fleet;
  segments: Segments;
  holder: string;
  maxAttempts: number;
  fallbackQueue: (pool: string) => Queue<EntryData>;
  deadQueue: Queue;
  events: DispatcherEvents;
  now: () => number;
  random: () => number;
  onRecorded: (batch: string, recorded: number) => void;
  /** All lines are recorded: the batch can be finalised. */
  onComplete: (batch: string) => Promise<void>;
}

/** The chunk that outcomes came from, as far as retries need it. */
interface Origin {
  pool: string;
  lines: LineRef[];
  formats: number;
  priority: string;
  maxTier: number | null;
}

interface Failed {
  outcome: StreamOutcome;
  meta: OutcomeMeta;
  verdict: Extract<Verdict, { kind: 'retry' }>;
}

/** Everything one script call will say. */
interface Gathered {
  rows: Buffer[];
  lines: LinesRecord['lines'];
  chunks: Map<string, number[]>;
  failed: Failed[];
  dead: OutcomeMeta[];
}

/** False when another dispatcher records this slot now. */
export async function recordBatch(
  ports: RecordBatchPorts,
  batch: string,
  outcomes: StreamOutcome[],
): Promise<boolean> {
  const decoded = outcomes.map((outcome) => ({ outcome, items: decodeOutcomes(outcome.fields) }));
  const metas = decoded.flatMap(({ items }) => items.map(({ meta }) => meta));
  const failures = decoded.filter(({ items }) => items.some(({ meta }) => meta.outcome !== 'ok'));
  const origins = await readOrigins(
    ports.ledger,
    failures.map(({ outcome }) => outcome.id),
  );
  const expiresAt = failures.length > 0 ? await readExpiry(ports.ledger, batch) : Infinity;
  const gathered: Gathered = { rows: [], lines: [], chunks: new Map(), failed: [], dead: [] };
  for (const { outcome, items } of decoded) {
    for (const { meta, raw } of items) {
      gather(ports, gathered, { outcome, meta, raw, origin: origins.get(outcome.id), expiresAt });
    }
  }
  const retries = retriesOf(batch, gathered.failed, { origins, now: ports.now(), expiresAt });
  const extent = await append(ports, batch, gathered.rows);
  const record: LinesRecord = {
    batch,
    holder: ports.holder,
    now: ports.now(),
    extent,
    ...sumsOf(ports.fleet, metas),
    streamIds: outcomes.map(({ streamId }) => streamId),
    lines: gathered.lines,
    chunks: [...gathered.chunks].map(([id, places]) => ({ id, places })),
    retries,
  };
  const recorded = await recordLines(ports.ledger, record);
  if (recorded.kind === 'not_recorder') return false;
  await enqueue(ports, retries, { batch, metas: gathered.dead });
  if (recorded.kind === 'recorded') {
    ports.onRecorded(batch, recorded.recorded);
    if (recorded.status === 'finalizing') await ports.onComplete(batch);
  }
  return true;
}

interface OneOutcome {
  outcome: StreamOutcome;
  meta: OutcomeMeta;
  raw: Buffer;
  origin: Origin | undefined;
  expiresAt: number;
}

function gather(ports: RecordBatchPorts, into: Gathered, one: OneOutcome): void {
  const { outcome, meta, raw, origin } = one;
  const verdict = meta.outcome === 'ok' ? null : judge(ports, one);
  if (verdict?.kind === 'retry' && origin) {
    into.failed.push({ outcome, meta, verdict });
    return;
  }
  if (verdict?.kind === 'dead') into.dead.push(meta);
  into.rows.push(raw);
  into.lines.push({ line: meta.line, ok: meta.outcome === 'ok' });
  const places = into.chunks.get(outcome.id);
  if (places) places.push(meta.place);
  else into.chunks.set(outcome.id, [meta.place]);
}

const judge = (ports: RecordBatchPorts, { meta, origin, expiresAt }: OneOutcome): Verdict =>
  verdictOf(
    meta,
    {
      fleet: ports.fleet,
      pool: origin?.pool ?? '',
      maxTier: origin?.maxTier ?? null,
      maxAttempts: ports.maxAttempts,
      now: ports.now(),
      deadlineAt: expiresAt,
    },
    ports.random,
  );

/** Failed lines of one delivery that go on alike travel together again. */
function retriesOf(
  batch: string,
  failed: readonly Failed[],
  { origins, ...facts }: { origins: ReadonlyMap<string, Origin>; now: number; expiresAt: number },
): LinesRecord['retries'] {
  const groups = new Map<string, Failed[]>();
  for (const one of failed) {
    const { outcome, verdict, meta } = one;
    const key = [outcome.streamId, meta.outcome, verdict.minTier, verdict.exclude.join(' ')].join(
      '|',
    );
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()].map((group, i) => {
    const { outcome, verdict } = group[0] as Failed;
    const notBefore = Math.max(...group.map((one) => one.verdict.notBeforeMs));
    const origin = origins.get(outcome.id) as Origin;
    return {
      origin: outcome.id,
      places: group.map(({ meta }) => meta.place),
      chunk: retryChunk(`${batch}~r${outcome.streamId}.${i}`, group, {
        ...facts,
        origin,
        batch,
        verdict,
      }),
      checkAt: notBefore + CHECK_PLACED_MS,
      notBefore,
    };
  });
}

function retryChunk(
  id: string,
  group: readonly Failed[],
  facts: {
    origin: Origin;
    now: number;
    expiresAt: number;
    batch: string;
    verdict: Failed['verdict'];
  },
): NewChunk {
  const { origin, now, expiresAt, batch, verdict } = facts;
  const history: LineHistory[] = group.map(({ meta }) => ({
    tries: spentAttempts(meta.attempts),
    attempts: JSON.stringify(meta.attempts).slice(1, -1),
    since: meta.endedAt,
  }));
  return {
    id,
    batch,
    pool: origin.pool,
    deployment: '',
    tier: verdict.minTier,
    epoch: 0,
    lines: group.map(({ meta }) => origin.lines[meta.place] as LineRef),
    formats: origin.formats,
    priority: origin.priority,
    createdAt: now,
    deadlineAt: expiresAt,
    history,
    exclude: verdict.exclude,
    minTier: verdict.minTier,
    maxTier: origin.maxTier,
  };
}

async function append(ports: RecordBatchPorts, batch: string, rows: readonly Buffer[]) {
  if (rows.length === 0) return null;
  const appender = await ports.segments.of(batch);
  try {
    return await appender.append(rows);
  } catch (error) {
    ports.segments.drop(batch);
    throw error;
  }
}

/** Retries to their fallback queues, lines out of attempts to `dead`. A crash before this is repaired by the sweeper. */
async function enqueue(
  ports: RecordBatchPorts,
  retries: LinesRecord['retries'],
  dead: { batch: string; metas: readonly OutcomeMeta[] },
): Promise<void> {
  try {
    await Promise.all(retries.map((retry) => queueRetry(ports, retry)));
    for (const { line, outcome: code, attempts } of dead.metas) {
      const ref = lineId(dead.batch, line);
      ports.events.jobDead({ ref, code, attempts: attempts.length });
      await ports.deadQueue.add(code, { id: ref, code }, { jobId: ref });
    }
  } catch (error) {
    ports.events.failed({ what: 'queueing after outcomes', error: String(error) });
  }
}

function queueRetry(ports: RecordBatchPorts, { chunk, notBefore }: LinesRecord['retries'][number]) {
  const data = { id: chunk.id, epoch: 0 };
  const delay = Math.max(0, Math.ceil(notBefore - ports.now()));
  const options = { jobId: entryJobId(data), priority: bandOf(chunk.priority), delay };
  return ports.fallbackQueue(chunk.pool).add('retry', data, options);
}

const ORIGIN_FIELDS = ['pool', 'lines', 'formats', 'priority', 'max_tier'] as const;

/** Chunks that are gone (all their lines recorded) are left out: their late failures change nothing. */
async function readOrigins(ledger: Ledger, ids: readonly string[]): Promise<Map<string, Origin>> {
  const unique = [...new Set(ids)];
  const rows = await Promise.all(
    unique.map((id) => ledger.redis.hmget(ledger.keys.chunk(id), ...ORIGIN_FIELDS)),
  );
  const origins = new Map<string, Origin>();
  rows.forEach(([pool, lines, formats, priority, maxTier], i) => {
    if (!lines) return;
    origins.set(unique[i] as string, {
      pool: pool ?? '',
      lines: JSON.parse(lines) as LineRef[],
      formats: Number(formats),
      priority: priority ?? 'low',
      maxTier: maxTier ? Number(maxTier) : null,
    });
  });
  return origins;
}

async function readExpiry(ledger: Ledger, batch: string): Promise<number> {
  return Number((await ledger.redis.hget(ledger.keys.batch(batch), 'expires')) ?? 0);
}
