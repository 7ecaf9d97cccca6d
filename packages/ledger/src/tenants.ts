/**
 * What a tenant's refusing limits are counted by, under its own tag `{t:<tenant>}`: its requests, the jobs and batch lines
 * that are open, the dollars of the last day. No script spans a tenant and an object, so what has ended leaves the count
 * only when somebody looks: `settleOpen`, which is asked before a tenant is refused.
 */
import { isId } from '@sluice/job';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { nullableNumber, numberOf, tagged } from './reply.ts';

/** Absent = unlimited. */
export interface TenantLimits {
  requests_per_minute?: number;
  max_queued?: number;
  usd_per_day?: number;
}

export interface TenantRequest {
  tenant: string;
  limits: TenantLimits;
  /** Of the job or batch that it will make. */
  id: string;
  /** Jobs or lines that it adds. */
  adds: number;
}

/** `not_taken`: a limit stands in the way, and what was found; times in Unix ms. */
export type Allowance =
  | { kind: 'taken' }
  | {
      kind: 'not_taken';
      now: number;
      requestsFullAt: number;
      queued: number;
      /** Jobs that left the count per ms; null when not known. */
      drainPerMs: number | null;
      spentUsd: number;
      /** When so much of it is a day old that the rest is below `usd_per_day`; null = it is, or it never will be. */
      spentLessAt: number | null;
    };

/** Spending is remembered by quarters of an hour. */
const QUARTER_MS = 900_000;
const KEPT_SECONDS = 25 * 3_600;

/** Counts a request and what it adds, or nothing: once, also where its reply is lost. Jobs of an id are counted once. */
export async function takeAllowance(ledger: Ledger, request: TenantRequest): Promise<Allowance> {
  const { tenant, limits, id, adds } = request;
  const { allowance, open, lines, spent, taken } = ledger.keys.tenant(tenant);
  const { requests_per_minute, max_queued, usd_per_day } = limits;
  const asked = [id, adds, requests_per_minute ?? '', max_queued ?? '', usd_per_day ?? ''];
  const { takings } = ledger;
  const names = [allowance, open, lines, spent, taken(takings.taker)];
  const reply = await takings.name(tenant, (takes) =>
    run(ledger, 'take-allowance', names, [...asked, ...takes]),
  );
  const [tag, now, full, queued, drain, usd, less] = tagged(reply);
  if (tag === 1) return { kind: 'taken' };
  return {
    kind: 'not_taken',
    now: Number(now),
    requestsFullAt: Number(full),
    queued: Number(queued),
    drainPerMs: nullableNumber(drain as string),
    spentUsd: Number(usd),
    spentLessAt: nullableNumber(less as string),
  };
}

/** Jobs and batch lines of a tenant that count as open: what has ended may still be among them until somebody looks. */
export const countedOpen = async ({ redis, keys }: Ledger, tenant: string): Promise<number> =>
  numberOf((await redis.hget(keys.tenant(tenant).allowance, 'queued')) ?? undefined);

/** Objects looked at in one round. */
const AT_ONCE = 1_000;

/**
 * Looks at the oldest open objects of a tenant, and at the next ones in the next round, and takes what has ended out of its
 * count; returns how many jobs that were.
 */
export async function settleOpen(ledger: Ledger, tenant: string): Promise<number> {
  const { allowance, open } = ledger.keys.tenant(tenant);
  const from = numberOf((await ledger.redis.hget(allowance, 'cursor')) ?? undefined);
  const found = await ledger.redis.zrange(open, String(from), String(from + AT_ONCE - 1));
  const left = await Promise.all(found.map((id) => openJobs(ledger, id)));
  const kept = left.filter((jobs) => jobs === null || jobs > 0).length;
  const next = found.length < AT_ONCE ? 0 : from + kept;
  await ledger.redis.hset(allowance, { cursor: next });
  return settle(
    ledger,
    tenant,
    found.flatMap((id, i) => (left[i] === null ? [] : [[id, left[i] as number]])),
  );
}

/** Takes an object out of the count that came to nothing. */
export const returnAllowance = (ledger: Ledger, tenant: string, id: string): Promise<number> =>
  settle(ledger, tenant, [[id, 0]]);

async function settle(
  ledger: Ledger,
  tenant: string,
  pairs: readonly (readonly [string, number])[],
): Promise<number> {
  if (pairs.length === 0) return 0;
  const { allowance, open, lines } = ledger.keys.tenant(tenant);
  return Number(await run(ledger, 'settle-open', [allowance, open, lines], pairs.flat()));
}

const ENDED = ['succeeded', 'completed', 'failed', 'cancelled', 'expired'];

/** How many jobs of it are open; null while a batch's lines are not known. What is being accepted just now counts as gone. */
async function openJobs({ redis, keys }: Ledger, id: string): Promise<number | null> {
  if (!isId('batch', id)) {
    const status = await redis.hget(keys.job(id), 'status');
    return status === 'queued' || status === 'running' ? 1 : 0;
  }
  const fields = ['status', 'total', 'completed', 'failed'] as const;
  const [status, total, ...done] = await redis.hmget(keys.batch(id), ...fields);
  if (!status || ENDED.includes(status)) return 0;
  if (!total || total === '0') return null;
  return Math.max(0, Number(total) - done.reduce((sum, count) => sum + Number(count ?? 0), 0));
}

/** Adds what a tenant's calls have cost. Between the tags of a job and of its tenant a crash may lose a few calls' cost. */
export async function addSpending(
  ledger: Ledger,
  tenant: string,
  { usd, now }: { usd: number; now: number },
): Promise<void> {
  if (!(usd > 0)) return;
  const { spent } = ledger.keys.tenant(tenant);
  const quarter = String(Math.floor(now / QUARTER_MS));
  await ledger.redis.multi().hincrbyfloat(spent, quarter, usd).expire(spent, KEPT_SECONDS).exec();
}
