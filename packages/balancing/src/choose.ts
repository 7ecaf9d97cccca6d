/**
 * Placement: which deployment of a pool runs a job, now, or why none does yet. In this order: who is eligible, which
 * tier, who is usable, who has room, and of those the strategy's pick. Pure; the caller carries it out.
 *
 * A tier is left only when none of its deployments is active (paused, draining, weight 0, blocked, broken), when the
 * job failed there for a reason that leaves it (`minTier`), or when it has waited `spillAfterMs` for room. Half-open
 * deployments get one job at a time and before all others, so that they recover soon, but nobody waits for them.
 */
import { type Asked, type Candidate, type CandidateState, costOn } from './candidate.ts';
import { type Depth, type Full, chunkSize, depthFor, fullFor, hasRoomFor } from './room.ts';
import { isOpenTo } from './strategy.ts';
import type { Keeping, Memory, Strategy } from './strategy.ts';
import { takesCalls } from './takes.ts';

/** A pool as it stands. */
export interface PoolNow {
  /** In the pool's order. */
  candidates: readonly Candidate[];
  strategy: Strategy;
  memory: Memory;
  /** A job that has waited this long for room may use the next tier; null = never for that reason. */
  spillAfterMs: number | null;
  depth: Depth;
}

/** What a job waits for: a limit (`budget`, `dimension`) of a deployment, or its recovery (`state`). */
export interface Why {
  deployment: string;
  budget: Full['budget'];
  dimension: Full['dimension'];
  state: CandidateState;
}

/**
 * `empty`: the pool has no deployment. `ineligible`: no wire format in it can say this. `max_tier`: only tiers above the limit
 * could. `other_arm`: those asked about are not of the arm that the job is kept to.
 */
export type NeverReason = 'empty' | 'ineligible' | 'max_tier' | 'other_arm';

export type Choice =
  | {
      kind: 'place';
      deployment: string;
      tier: number;
      jobs: number;
      memory: Memory;
      /** Only where the strategy spilled: the arm or the region it should have been. */
      insteadOf?: string;
    }
  /** Worth asking again after `retryInMs`, or when a deployment's standing changes. */
  | { kind: 'wait'; why: Why; retryInMs: number }
  | { kind: 'never'; reason: NeverReason };

type Wait = Extract<Choice, { kind: 'wait' }>;

interface Moment {
  /** ms, on the clock of `asked.waitingSince`. */
  now: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** When a job waits for a deployment to recover, or for a day's budget, it is looked at again this often. */
const LOOK_AGAIN_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** Decides where a job, or up to `asked.jobs` jobs alike, should go. */
export function choose(wanted: Asked, pool: PoolNow, { now, random }: Moment): Choice {
  const { keeping } = pool.strategy;
  const asked = keeping && wanted.lot === undefined ? { ...wanted, lot: random() } : wanted;
  const open = eligible(asked, pool.candidates, keeping);
  if (typeof open === 'string') return { kind: 'never', reason: open };

  const depth = depthFor(asked.band, pool.depth);
  const waitedMs = now - asked.waitingSince;
  const decision: Decision = { asked, pool, depth, random, waitedMs };
  const maySpill = pool.spillAfterMs !== null && waitedMs >= pool.spillAfterMs;
  const tiers = inTierOrder(open, asked.minTier);
  let waiting: Wait | null = null;
  for (const tier of tiers) {
    const step = lookInTier(decision, tier);
    if (step?.kind === 'place') return step;
    if (step !== null && !maySpill) return step;
    waiting ??= step;
  }
  return waiting ?? lastResort(decision, tiers.flat());
}

interface Decision {
  asked: Asked;
  pool: PoolNow;
  depth: Depth;
  random: () => number;
  waitedMs: number;
}

type Step = Extract<Choice, { kind: 'place' | 'wait' }>;

function eligible(
  asked: Asked,
  candidates: readonly Candidate[],
  keeping: Keeping | undefined,
): readonly Candidate[] | NeverReason {
  if (candidates.length === 0) return 'empty';
  const { eligible: formats, maxTier } = asked;
  const able = formats === null ? candidates : candidates.filter(({ id }) => formats.has(id));
  if (able.length === 0) return 'ineligible';
  const allowed = maxTier === null ? able : able.filter(({ tier }) => tier <= maxTier);
  if (allowed.length === 0) return 'max_tier';
  if (keeping === undefined) return allowed;
  const arm = keeping.armFor(asked);
  const own = allowed.filter(({ id }) => isOpenTo(keeping, arm, id));
  return own.length === 0 ? 'other_arm' : own;
}

/** From `minTier` upwards, then those below it: a job that failed in every tier starts over rather than waits. */
function inTierOrder(candidates: readonly Candidate[], minTier: number): (readonly Candidate[])[] {
  const first = candidates[0]?.tier;
  if (candidates.every(({ tier }) => tier === first)) return [candidates];
  const tiers = new Map<number, Candidate[]>();
  let members: Candidate[] = [];
  let current: number | null = null;
  for (const candidate of candidates) {
    if (candidate.tier !== current) {
      current = candidate.tier;
      members = tiers.get(current) ?? [];
      tiers.set(current, members);
    }
    members.push(candidate);
  }
  const below = (tier: number): number => (tier < minTier ? 1 : 0);
  return [...tiers].toSorted(([a], [b]) => below(a) - below(b) || a - b).map(([, tier]) => tier);
}

/** A place in this tier, what to wait for in it, or null when nobody in it is to be waited for. */
function lookInTier(decision: Decision, tier: readonly Candidate[]): Step | null {
  const { exclude } = decision.asked;
  if (exclude.length === 0) return lookAmong(decision, tier);
  const fresh = tier.filter(({ id }) => !exclude.includes(id));
  const failedBefore = tier.filter(({ id }) => exclude.includes(id));
  return lookAmong(decision, fresh) ?? lookAmong(decision, failedBefore);
}

function lookAmong(decision: Decision, members: readonly Candidate[]): Step | null {
  const active = members.every(takesCalls) ? members : members.filter(takesCalls);
  const probes =
    active.length === members.length
      ? []
      : members.filter((candidate) => mayProbe(candidate, decision.asked.band));
  const idle = withRoom(decision, probes);
  if (idle.length > 0) return place(decision, idle);
  if (active.length === 0) return null;
  const { asked, pool, waitedMs } = decision;
  const wanted = pool.strategy.waitsFor?.(asked, active, waitedMs) ?? active;
  const ready = withRoom(decision, wanted);
  return ready.length > 0 ? place(decision, ready) : soonest(decision, wanted);
}

const mayProbe = ({ state, weight, probe }: Candidate, band: Asked['band']): boolean =>
  state === 'half_open' && weight > 0 && (band !== 'interactive' || probe === 'any');

/** As `filter`, without a copy where nobody is left out, which is the usual case and is paid for every placement. */
function withRoom({ asked, depth }: Decision, all: readonly Candidate[]): readonly Candidate[] {
  let kept: Candidate[] | null = null;
  for (let i = 0; i < all.length; i += 1) {
    const each = all[i] as Candidate;
    if (!hasRoomFor(asked, each, depth)) kept ??= all.slice(0, i);
    else kept?.push(each);
  }
  return kept ?? all;
}

/** Nobody is active in any tier: a half-open deployment may be tried by anyone, else the job waits. */
function lastResort(decision: Decision, candidates: readonly Candidate[]): Step {
  const halfOpen = candidates.filter(({ state, weight }) => state === 'half_open' && weight > 0);
  const idle = withRoom(decision, halfOpen);
  if (idle.length > 0) return place(decision, idle);
  const { id, state } = (halfOpen[0] ?? candidates[0]) as Candidate;
  const why: Why = { deployment: id, budget: null, dimension: null, state };
  return { kind: 'wait', why, retryInMs: LOOK_AGAIN_MS };
}

function place({ asked, pool, depth, random }: Decision, candidates: readonly Candidate[]): Step {
  const { strategy, memory } = pool;
  const jobsOn = (candidate: Candidate): number =>
    Math.min(asked.jobs, chunkSize(candidate, costOn(asked, candidate), depth));
  const pick = strategy.pick(asked, candidates, { memory, random, jobsOn });
  const picked = 'candidate' in pick ? pick.candidate : pick;
  const jobs = jobsOn(picked);
  return {
    kind: 'place',
    deployment: picked.id,
    tier: picked.tier,
    jobs,
    memory: strategy.remember?.(memory, candidates, { picked, jobs }) ?? memory,
    ...('candidate' in pick && { insteadOf: pick.insteadOf }),
  };
}

/** The wait for whoever has room first. */
function soonest({ asked, depth }: Decision, full: readonly Candidate[]): Wait {
  let first = full[0] as Candidate;
  let shortest = fullFor(first, costOn(asked, first), depth);
  for (const candidate of full.slice(1)) {
    const next = fullFor(candidate, costOn(asked, candidate), depth);
    if (next.waitMs < shortest.waitMs) {
      shortest = next;
      first = candidate;
    }
  }
  const { budget, dimension, waitMs } = shortest;
  const why: Why = { deployment: first.id, budget, dimension, state: first.state };
  return { kind: 'wait', why, retryInMs: Math.min(waitMs, LONGEST_WAIT_MS) };
}
