/** The limits that refuse a tenant's new work with 429, before anything of it is written. */
import { mayBeAccepted } from '@sluice/fairness';
import type { Acceptance } from '@sluice/fairness';
import { countedOpen, readFile, returnAllowance, settleOpen, takeAllowance } from '@sluice/ledger';
import type { Allowance, Idempotency, TenantLimits } from '@sluice/ledger';
import type { Api } from './api.ts';
import { refuse } from './errors.ts';
import type { Caller } from './http/message.ts';

const REFUSING = ['requests_per_minute', 'max_queued', 'usd_per_day'] as const;

type Ports = Pick<Api, 'ledger' | 'tenants' | 'store'>;

export interface NewWork {
  /** Of the job or batch. */
  id: string;
  /** A repeat of what was accepted before is answered again, and counts nothing. */
  idempotency: Idempotency | null;
  /** The batch's input, whose lines count; null = one job. */
  inputFileId: string | null;
}

/** Throws 429 when one of the caller's limits does not allow it. */
export async function checkAllowance(ports: Ports, caller: Caller, work: NewWork): Promise<void> {
  const limits = limitsOf(ports, caller);
  if (limits === null || (await isRepeat(ports, work))) return;
  const counts = limits.max_queued !== undefined && work.inputFileId !== null;
  const adds = counts ? await countLines(ports, work.inputFileId as string) : 1;
  const request = { tenant: caller.id, limits, id: work.id, adds };
  let allowance = await takeAllowance(ports.ledger, request);
  for (let round = 0; isFull(request, allowance) && round < MOST_ROUNDS; round++) {
    if ((await settleOpen(ports.ledger, caller.id)) > 0) {
      allowance = await takeAllowance(ports.ledger, request);
    }
  }
  refuseUnlessTaken(request, allowance);
}

/** Why a batch of so many lines would be refused, which no other check of its file tells. */
export interface BeyondQueue {
  says: string;
  /** However few others of the tenant are open. */
  never: boolean;
}

/** What {@link checkAllowance} would say of `max_queued` now; null = nothing. Counts nothing. */
export async function beyondQueue(
  { ledger, tenants }: Pick<Ports, 'ledger' | 'tenants'>,
  { id: tenant }: Caller,
  lines: number,
): Promise<BeyondQueue | null> {
  const most = tenants.find((one) => one.id === tenant)?.limits.max_queued;
  if (most === undefined) return null;
  const many = `${lines} ${lines === 1 ? 'line is' : 'lines are'} more than`;
  if (lines > most) {
    const says = `${many} max_queued ${most} of tenant ${tenant}: the POST answers 429`;
    return { says, never: true };
  }
  let open = await countedOpen(ledger, tenant);
  for (let round = 0; open + lines > most && round < MOST_ROUNDS; round++)
    if ((await settleOpen(ledger, tenant)) > 0) open = await countedOpen(ledger, tenant);
  if (open + lines <= most) return null;
  const says = `${many} max_queued ${most} of tenant ${tenant} leaves beside the ${open} jobs and lines that it has open: the POST would answer 429 now`;
  return { says, never: false };
}

/** The work came to nothing: it was made before, by the same Idempotency-Key. */
export async function returnAllowanceOf(
  ports: Ports,
  caller: Caller,
  { id }: { id: string },
): Promise<void> {
  if (limitsOf(ports, caller) !== null) await returnAllowance(ports.ledger, caller.id, id);
}

/** Each looks at a thousand open objects. */
const MOST_ROUNDS = 3;

interface Wanted {
  tenant: string;
  limits: TenantLimits;
  adds: number;
}

function limitsOf({ tenants }: Ports, { id }: Caller): TenantLimits | null {
  const set = tenants.find((tenant) => tenant.id === id)?.limits ?? {};
  const pairs = REFUSING.flatMap((name) => (set[name] === undefined ? [] : [[name, set[name]]]));
  return pairs.length === 0 ? null : (Object.fromEntries(pairs) as TenantLimits);
}

const isRepeat = async ({ ledger }: Ports, { idempotency }: NewWork): Promise<boolean> =>
  idempotency !== null &&
  (await ledger.redis.exists(ledger.keys.idempotency(idempotency.slot, idempotency.key))) === 1;

function acceptanceOf({ limits, adds }: Wanted, allowance: Allowance): Acceptance {
  if (allowance.kind === 'taken') return { kind: 'accept' };
  return mayBeAccepted(limits, { ...allowance, adds });
}

function isFull(wanted: Wanted, allowance: Allowance): boolean {
  const acceptance = acceptanceOf(wanted, allowance);
  return acceptance.kind === 'refuse' && acceptance.limit === 'max_queued';
}

const WORDS = {
  requests_per_minute: 'requests in this minute',
  max_queued: 'jobs and batch lines that have not ended, with these',
  usd_per_day: 'US dollars in the last 24 hours',
} as const;

function refuseUnlessTaken(wanted: Wanted, allowance: Allowance): void {
  const acceptance = acceptanceOf(wanted, allowance);
  if (acceptance.kind === 'accept') return;
  const { limit, allowed, retryAfterSeconds, acceptedInSeconds } = acceptance;
  const since = limit === 'usd_per_day' ? lessSpentIn(acceptedInSeconds) : '';
  const found = `${Number(acceptance.found.toFixed(6))} ${WORDS[limit]}${since}`;
  refuse('rate_limit_exceeded', {
    values: { tenant: wanted.tenant, limit, found, allowed },
    headers: {
      'retry-after': String(retryAfterSeconds),
      'x-should-retry': String(acceptance.retryHelps || isUnknown(wanted, allowance)),
    },
  });
}

/** `Retry-After` ends at a minute; money of a day may take hours. */
const lessSpentIn = (seconds: number): string =>
  Number.isFinite(seconds) && seconds > 60
    ? ` (below the limit again in ${(seconds / 3_600).toFixed(1)} hours)`
    : '';

/** How fast its queue drains is not known yet: another try may help. */
const isUnknown = ({ limits, adds }: Wanted, allowance: Allowance): boolean =>
  allowance.kind === 'not_taken' &&
  allowance.drainPerMs === null &&
  isFull({ tenant: '', limits, adds }, allowance) &&
  adds <= (limits.max_queued ?? Infinity);

const NEWLINE = 10;

/** Lines of the file, an empty last one not counted; those that are no requests are. 1 when it is not there: refused later. */
async function countLines({ ledger, store }: Ports, fileId: string): Promise<number> {
  const file = await readFile(ledger, fileId);
  if (file === null) return 1;
  let lines = 0;
  let last = NEWLINE;
  for await (const bytes of store.read(file.storeName)) {
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
    last = bytes.at(-1) ?? last;
  }
  return Math.max(1, last === NEWLINE ? lines : lines + 1);
}
