/**
 * Live capacity: what part of new work each deployment of a pool can carry now. For display, and as weights measured
 * instead of configured. A budget that several deployments share is counted once, divided among them in proportion to
 * what each could do alone.
 */
import { type Candidate, type Cost, expectedMs, unitsOf } from './candidate.ts';
import { takesCalls } from './takes.ts';

/** A limit over the deployments that draw on it, in jobs of the asked shape per ms. */
interface Limit {
  jobsPerMs: number;
  members: Candidate[];
}

/**
 * Each deployment's share of new work of this mean shape, by id: 0…1, adding up to 1, or all 0 when none is usable.
 * Only the first tier with an active deployment gets any. Deployments without limits can take all: the work is theirs,
 * by weight.
 */
export function shares(candidates: readonly Candidate[], cost: Cost): Map<string, number> {
  const usable = firstUsableTier(candidates);
  const pace = paces(usable, cost);
  const unlimited = usable.filter((candidate) => pace.get(candidate) === Infinity);
  const part = (candidate: Candidate): number => {
    if (unlimited.length === 0) return pace.get(candidate) ?? 0;
    return unlimited.includes(candidate) ? candidate.weight : 0;
  };
  const total = usable.reduce((sum, candidate) => sum + part(candidate), 0);
  const takes = new Set(usable);
  return new Map(
    candidates.map((each) => [each.id, total > 0 && takes.has(each) ? part(each) / total : 0]),
  );
}

function firstUsableTier(candidates: readonly Candidate[]): Candidate[] {
  const active = candidates.filter(takesCalls);
  const first = active.reduce((lowest, { tier }) => Math.min(lowest, tier), Infinity);
  return active.filter(({ tier }) => tier === first);
}

/**
 * Jobs per ms of each deployment. Progressive filling: all grow in proportion to what they could do alone, until a
 * limit is full; those it holds stop there, the others go on.
 */
function paces(candidates: readonly Candidate[], cost: Cost): Map<Candidate, number> {
  const limits = limitsOf(candidates, cost);
  const alone = new Map(candidates.map((each) => [each, aloneIn(limits, each)]));
  const done = new Map<Candidate, number>();
  for (const [each, most] of alone) if (most === Infinity || most === 0) done.set(each, most);
  while (done.size < candidates.length) {
    const [level, tightest] = nextFull(limits, alone, done);
    if (tightest === null) break;
    for (const each of tightest.members)
      if (!done.has(each)) done.set(each, level * (alone.get(each) as number));
  }
  return done;
}

const aloneIn = (limits: readonly Limit[], candidate: Candidate): number =>
  limits.reduce(
    (least, { jobsPerMs, members }) =>
      members.includes(candidate) ? Math.min(least, jobsPerMs) : least,
    Infinity,
  );

/** The limit that fills first, and at what part (0…1) of what its members could do alone. */
function nextFull(
  limits: readonly Limit[],
  alone: ReadonlyMap<Candidate, number>,
  done: ReadonlyMap<Candidate, number>,
): [number, Limit | null] {
  let level = Infinity;
  let tightest: Limit | null = null;
  for (const limit of limits) {
    const growing = limit.members.filter((each) => !done.has(each));
    if (growing.length === 0) continue;
    const taken = limit.members.reduce((sum, each) => sum + (done.get(each) ?? 0), 0);
    const wanted = growing.reduce((sum, each) => sum + (alone.get(each) as number), 0);
    const full = Math.max(0, limit.jobsPerMs - taken) / wanted;
    if (full < level) [level, tightest] = [full, limit];
  }
  return [level, tightest];
}

/** Limits shared by budget and dimension. Slots count as a rate: each gets through one job per expected duration. */
function limitsOf(candidates: readonly Candidate[], cost: Cost): Limit[] {
  const limits = new Map<string, Limit>();
  const add = (key: string, jobsPerMs: number, member: Candidate): void => {
    const limit = limits.get(key) ?? { jobsPerMs, members: [] };
    // Members may see the same limit differently (their calls take longer): the most cautious view holds.
    limit.jobsPerMs = Math.min(limit.jobsPerMs, jobsPerMs);
    limit.members.push(member);
    limits.set(key, limit);
  };
  for (const each of candidates) {
    for (const rate of each.rates) {
      const units = unitsOf(cost, rate.dimension);
      if (units > 0) add(`${rate.budget} ${rate.dimension}`, rate.perMs / units, each);
    }
    if (each.concurrency !== null)
      add(`${each.id} own concurrency`, each.concurrency / expectedMs(each), each);
    for (const slots of each.sharedSlots ?? [])
      add(`${slots.budget} concurrency`, slots.limit / expectedMs(each), each);
  }
  return [...limits.values()];
}
