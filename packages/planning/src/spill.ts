/**
 * Which tiers of a pool count as capacity for a class. The first in which somebody takes calls; the later ones, too, where the
 * pool spills (`spill_after_ms`) and the class is to wait so long: it has already, or that tier, with nothing else to do, takes
 * its jobs at longer intervals. Counted otherwise, a plan would promise what placement does not do.
 */
import type { DrainProblem, Placement } from './problem.ts';
import { unitsOf } from './problem.ts';

export type Places = Readonly<Record<string, Placement>>;
type Limits = Pick<DrainProblem, 'deployments' | 'budgets'>;

interface Spilling {
  /** null = the pool does not spill. */
  spillAfterMs: number | null;
  /** How long jobs of the class have waited for the first tier. */
  waitedMs: number;
  /** Of all deployments in the tiers; asked for only where it matters. */
  limits: () => Limits;
}

/** The places of a class out of those that each tier has for it, in fallback order. */
export function placesOf(
  tiers: readonly Places[],
  { spillAfterMs, waitedMs, limits }: Spilling,
): Places {
  const [first, ...later] = tiers.filter((tier) => Object.keys(tier).length > 0);
  if (first === undefined) return {};
  if (spillAfterMs === null || later.length === 0) return first;
  const spills = waitedMs >= spillAfterMs || intervalMs(first, limits()) >= spillAfterMs;
  return spills ? later.reduce((all, tier) => ({ ...all, ...tier }), first) : first;
}

/** Mean time between two jobs of a class on these places; less than the truth where they share a limit. Unlimited: never waited for. */
export function intervalMs(places: Places, limits: Limits): number {
  let perMs = 0;
  for (const [id, place] of Object.entries(places)) perMs += jobsPerMs(id, place, limits);
  return perMs === Infinity ? Number.NEGATIVE_INFINITY : 1 / perMs;
}

function jobsPerMs(
  id: string,
  { cost, latencyMs }: Placement,
  { deployments, budgets }: Limits,
): number {
  const deployment = deployments.find((each) => each.id === id);
  const drawn = budgets.filter((budget) => deployment?.budgets.includes(budget.id));
  const rates = drawn.flatMap((budget) => budget.rates);
  const byRate = rates.map(({ dimension, perMs }) => over(perMs, unitsOf(cost, dimension)));
  const slots = [deployment?.concurrency ?? null, ...drawn.map(({ concurrency }) => concurrency)];
  const bySlots = slots.map((each) => (each === null ? Infinity : over(each, latencyMs)));
  return Math.min(...byRate, ...bySlots, Infinity);
}

const over = (perMs: number, each: number): number => (each > 0 ? perMs / each : Infinity);
