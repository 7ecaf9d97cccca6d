/**
 * Failed lines of a batch that are tried again: they leave the chunk they came in and travel on in chunks of their own.
 * Deterministic but for what the verdicts say, so recording the same outcome again makes the same chunks.
 */
import type {
  Ledger,
  LineHistory,
  LineRef,
  LinesRetry,
  NewChunk,
  OutcomeMeta,
} from '@sluice/ledger';
import { FREE_LOSSES, spentAttempts } from '@sluice/retry';
import { CHECK_PLACED_MS } from './run-entry.ts';
import type { Verdict } from '@sluice/retry';

/** The chunk that outcomes came from, as far as retries need it. */
export interface Origin {
  batch: string;
  tenant: string;
  pool: string;
  lines: LineRef[];
  /** By which they went. */
  key: number | null;
  formats: number;
  priority: string;
  maxTier: number | null;
  lot: number | null;
  /** Places (of those asked about) whose lines ended or went on elsewhere before. */
  left: Set<number>;
}

export interface FailedLine {
  meta: OutcomeMeta;
  verdict: Extract<Verdict, { kind: 'retry' }>;
}

export interface RetryFacts {
  origin: Origin;
  /** The stream entry that brought the failures: names the new chunks. */
  streamId: string;
  now: number;
  /** End of the batch's window, ms. */
  expiresAt: number;
}

/** Failed lines of one delivery that go on alike travel together again. */
export function retriesOf(failed: readonly FailedLine[], facts: RetryFacts): LinesRetry[] {
  const groups = new Map<string, FailedLine[]>();
  for (const one of failed) {
    const group = groups.get(groupOf(one));
    if (group) group.push(one);
    else groups.set(groupOf(one), [one]);
  }
  return [...groups.values()].map((group, i) => {
    const notBefore = Math.max(...group.map(({ verdict }) => verdict.notBeforeMs));
    const id = `${facts.origin.batch}~r${facts.streamId}.${i}`;
    return {
      places: group.map(({ meta }) => meta.place),
      chunk: retryChunk(id, group, facts),
      checkAt: notBefore + CHECK_PLACED_MS,
      notBefore,
    };
  });
}

/** A line that may kill its worker travels alone, so that the others of its chunk do not die with it again and again. */
function groupOf({ meta, verdict }: FailedLine): string {
  const losses = meta.attempts.filter(({ outcome }) => outcome === 'lost').length;
  const alone = losses >= FREE_LOSSES ? String(meta.place) : '';
  return [alone, meta.outcome, verdict.minTier, verdict.exclude.join(' ')].join('|');
}

function retryChunk(
  id: string,
  group: readonly FailedLine[],
  { origin, now, expiresAt }: RetryFacts,
): NewChunk {
  const { minTier, exclude } = (group[0] as FailedLine).verdict;
  const history: LineHistory[] = group.map(({ meta }) => ({
    tries: spentAttempts(meta.attempts),
    attempts: JSON.stringify(meta.attempts).slice(1, -1),
    since: meta.endedAt,
  }));
  return {
    id,
    batch: origin.batch,
    tenant: origin.tenant,
    pool: origin.pool,
    deployment: '',
    tier: minTier,
    epoch: 0,
    lines: group.map(({ meta }) => origin.lines[meta.place] as LineRef),
    ...(origin.key !== null && { key: origin.key }),
    formats: origin.formats,
    lot: origin.lot,
    priority: origin.priority,
    createdAt: now,
    deadlineAt: expiresAt,
    history,
    exclude,
    minTier,
    maxTier: origin.maxTier,
  };
}

const ORIGIN_FIELDS = [
  'batch',
  'tenant',
  'pool',
  'lines',
  'key',
  'formats',
  'priority',
  'max_tier',
  'lot',
] as const;

/** The chunks that failures came from; one that is gone (all its places have left it) is left out. */
export async function readOrigins(
  ledger: Ledger,
  failures: readonly { chunk: string; places: readonly number[] }[],
): Promise<Map<string, Origin>> {
  const placesOf = new Map<string, number[]>();
  for (const { chunk, places } of failures)
    placesOf.set(chunk, [...(placesOf.get(chunk) ?? []), ...places]);
  const rows = await Promise.all([...placesOf].map((one) => readOrigin(ledger, ...one)));
  return new Map(rows.flatMap((row) => row ?? []));
}

async function readOrigin(
  ledger: Ledger,
  chunk: string,
  places: readonly number[],
): Promise<[[string, Origin]] | null> {
  const marks = places.map((place) => `r${place}`);
  const values = await ledger.redis.hmget(ledger.keys.chunk(chunk), ...ORIGIN_FIELDS, ...marks);
  const [batch, tenant, pool, lines, key, formats, priority, maxTier, lot, ...marked] = values;
  if (!lines) return null;
  const origin: Origin = {
    batch: batch ?? '',
    tenant: tenant ?? '',
    pool: pool ?? '',
    lines: JSON.parse(lines) as LineRef[],
    key: key ? Number(key) : null,
    formats: Number(formats),
    priority: priority ?? 'low',
    maxTier: maxTier ? Number(maxTier) : null,
    lot: lot ? Number(lot) : null,
    left: new Set(places.filter((_, i) => marked[i] !== null)),
  };
  return [[chunk, origin]];
}
