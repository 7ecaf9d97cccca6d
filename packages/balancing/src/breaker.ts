/**
 * Circuit breaker of one deployment: a pure state machine, fed what happened since it was last looked at.
 *
 *   closed ── 5 failures in a row, under 80 % success of at least 5 in 30 s, or failing much more than its peers ──▶ open
 *   open ── after its back-off (5 s, 10 s, … 300 s, equal jitter; with batch traffic at most 20 s) ──▶ half_open
 *   half_open ── 3 successes ──▶ closed;  one failure ──▶ open, for longer
 *
 * Thresholds are Finagle's (facts: failure accrual). What counts as a failure is the caller's table: a 429 never does.
 * The long back-off is for the sake of jobs, each of which pays for its trial with an attempt and a wait. Nobody waits for a
 * batch line, and one every 10 to 20 s is no load: where there are such, a deployment is back soon however long it was away.
 * The last usable deployment of a pool, or of the part that some job may use (isLast), is not ejected: flaky it stays closed,
 * for its retries have nowhere better to go; failing without a success between, it is tried one job at a time with pauses of at most 5 s.
 */
import { easingAfter } from './slow-start.ts';

export const BREAKER = {
  failuresInARow: 5,
  windowMs: 30_000,
  leastCalls: 5,
  leastSuccess: 0.8,
  firstBackoffMs: 5_000,
  longestBackoffMs: 300_000,
  /** The same where batch jobs go through one of its pools, which can try it. */
  longestWithBatchMs: 20_000,
  successesToClose: 3,
  /** A half-open deployment that no batch job has tried for this long may be tried by anyone. */
  probeByAnyMs: 30_000,
} as const;

/** Width of the counts below: old enough ones are dropped whole, so a window is 29 to 30 s long. */
const COUNT_MS = 1_000;

interface Count {
  fromMs: number;
  ok: number;
  failures: number;
}

/** `since`: when it came into this state, ms. */
export type Breaker =
  /** `easing`: successes since it recovered, while it starts slowly. */
  | { kind: 'closed'; since: number; inARow: number; recent: readonly Count[]; easing?: number }
  | { kind: 'open'; since: number; until: number; trips: number }
  | { kind: 'half_open'; since: number; successes: number; trips: number };

/** Calls that ended since the last look. Leave out those for which {@link counts} is false. */
export interface Look {
  ok: number;
  failures: number;
  /** Failures after the last success among them; equals `failures` when there was none. */
  failuresAtEnd: number;
  /** Whether every other deployment that some job may use is unusable now: of a pool, or of what `max_tier` leaves of it. */
  lastInPool: boolean;
  /** Whether it fails much more often than its peers (failing.ts); absent = no. */
  failsMost?: boolean;
  /** Whether batch jobs go through some pool it serves; absent = no. */
  batchTraffic?: boolean;
}

interface Moment {
  now: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

const closedSince = (since: number): Of<'closed'> => ({
  kind: 'closed',
  since,
  inARow: 0,
  recent: [],
});

export const newBreaker = (now: number): Breaker => closedSince(now);

/**
 * Whether the outcome of a call started then says anything about the present state. Calls from before the breaker
 * opened may end a minute later, and must not undo a recovery.
 */
export const counts = (breaker: Breaker, startedAt: number): boolean => startedAt >= breaker.since;

/** Outcomes in the order in which the calls ended, counted for a look; true = success. */
export function lookAt(
  outcomes: readonly boolean[],
): Pick<Look, 'ok' | 'failures' | 'failuresAtEnd'> {
  const ok = outcomes.filter(Boolean).length;
  const failuresAtEnd = outcomes.length - 1 - outcomes.lastIndexOf(true);
  return { ok, failures: outcomes.length - ok, failuresAtEnd };
}

/** The breaker after a look; call it now and then without outcomes too, for time alone ends a back-off. */
export function afterLook(breaker: Breaker, look: Look, moment: Moment): Breaker {
  if (breaker.kind === 'closed') return afterClosed(breaker, look, moment);
  if (breaker.kind === 'open') return afterOpen(breaker, look, moment.now);
  return afterHalfOpen(breaker, look, moment);
}

/** Whether a look without ended calls leaves it as it is, whenever that is. */
export const isSteady = (breaker: Breaker): boolean =>
  breaker.kind === 'closed' &&
  breaker.recent.length === 0 &&
  breaker.easing === undefined &&
  breaker.inARow < BREAKER.failuresInARow;

type Of<K extends Breaker['kind']> = Extract<Breaker, { kind: K }>;

function afterClosed(breaker: Of<'closed'>, look: Look, moment: Moment): Breaker {
  const inARow = look.ok > 0 ? look.failuresAtEnd : breaker.inARow + look.failures;
  const recent = count(breaker.recent, look, moment.now);
  const dead = inARow >= BREAKER.failuresInARow;
  if (dead && look.lastInPool)
    return { kind: 'half_open', since: moment.now, successes: 0, trips: 0 };
  const flaky = look.failsMost === true || isFlaky(recent);
  if (dead || (flaky && !look.lastInPool)) return open(0, moment);
  const { since } = breaker;
  return { kind: 'closed', since, inARow, recent, ...easingAfter(breaker, look.ok, moment.now) };
}

function afterOpen(breaker: Of<'open'>, look: Look, now: number): Breaker {
  if (now < endOfBackoff(breaker, look)) return breaker;
  return { kind: 'half_open', since: now, successes: 0, trips: breaker.trips };
}

/**
 * From when on a job tries it, as things stand now, ms: a batch job when its back-off ends; where there are none, anyone a while
 * later. Null: nothing keeps the next job from it.
 */
export function triedFrom(
  breaker: Breaker,
  about: Pick<Look, 'lastInPool' | 'batchTraffic'>,
): number | null {
  if (breaker.kind === 'closed') return null;
  const halfOpenAt = breaker.kind === 'open' ? endOfBackoff(breaker, about) : breaker.since;
  if (about.batchTraffic === true) return breaker.kind === 'open' ? halfOpenAt : null;
  return halfOpenAt + BREAKER.probeByAnyMs;
}

/** The shorter back-off keeps the part that was drawn of the longer one. */
function endOfBackoff(
  { since, until, trips }: Of<'open'>,
  look: Pick<Look, 'lastInPool' | 'batchTraffic'>,
): number {
  if (look.lastInPool) return Math.min(until, since + BREAKER.firstBackoffMs);
  if (look.batchTraffic !== true) return until;
  const full = fullBackoffMs(trips - 1);
  const drawn = (until - since) / full;
  return since + drawn * Math.min(full, BREAKER.longestWithBatchMs);
}

const fullBackoffMs = (trips: number): number =>
  Math.min(BREAKER.longestBackoffMs, BREAKER.firstBackoffMs * 2 ** trips);

function afterHalfOpen(breaker: Of<'half_open'>, look: Look, moment: Moment): Breaker {
  if (look.failures > 0) return open(breaker.trips, moment);
  const successes = breaker.successes + look.ok;
  if (successes >= BREAKER.successesToClose) {
    const closed = closedSince(moment.now);
    return look.lastInPool ? closed : { ...closed, easing: 0 };
  }
  return successes === breaker.successes ? breaker : { ...breaker, successes };
}

/** Equal jitter: half the back-off is certain, the other half drawn, so that deployments do not return in step. */
function open(trips: number, { now, random }: Moment): Breaker {
  const full = fullBackoffMs(trips);
  return {
    kind: 'open',
    since: now,
    until: now + full / 2 + (random() * full) / 2,
    trips: trips + 1,
  };
}

/** Adds a look to the counts and drops, however long nobody looked, all that is older than the window. */
function count(recent: readonly Count[], look: Look, now: number): readonly Count[] {
  const kept = recent.filter(({ fromMs }) => fromMs > now - BREAKER.windowMs);
  if (look.ok + look.failures === 0) return kept;
  const last = kept.at(-1);
  if (!last || now >= last.fromMs + COUNT_MS)
    return [...kept, { fromMs: now, ok: look.ok, failures: look.failures }];
  const grown = { ...last, ok: last.ok + look.ok, failures: last.failures + look.failures };
  return [...kept.slice(0, -1), grown];
}

function isFlaky(recent: readonly Count[]): boolean {
  let ok = 0;
  let calls = 0;
  for (const each of recent) {
    ok += each.ok;
    calls += each.ok + each.failures;
  }
  return calls >= BREAKER.leastCalls && ok < BREAKER.leastSuccess * calls;
}
