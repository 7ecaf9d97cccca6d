/**
 * What the plan will do with lines of a batch whose pools save money, beside what drains: where they go, and when they are done.
 * Three plans, for the ends of what is likely: the longer answers are, the less of them the cheap ones can do in time. Pure.
 */
import type { EstimateRange as Range, PoolEstimate } from '@sluice/ledger';
import type { DrainProblem, JobClass, Plan, Planned } from '@sluice/planning';
import { DAY_MS } from '@sluice/planning';
import { asDraining } from './draining.ts';
import type { Draining, ToDrain } from './draining.ts';
import { etaAt } from './eta.ts';
import { planProblem } from './plan-problem.ts';
import { savesMoney } from './saving-pools.ts';
import type { ProblemPorts } from './plan-problem.ts';

export interface ThriftyPorts extends ProblemPorts {
  feeder: { draining: readonly Draining[] };
  solve: (problem: DrainProblem) => Promise<Planned>;
}

export interface ThriftyPlan {
  /** Lines by deployment, by number of the class; only those that save money. */
  places: Record<keyof Range, ReadonlyMap<number, Places>>;
  /** When the last of these is answered, ms from now. */
  endMs: number;
}

type LineOf = (classIndex: number, deployment: string) => PoolEstimate;
type Places = Readonly<Record<string, number>>;

/** A class of the batch that saves money, and its name in the plan. */
interface Saving {
  index: number;
  jobs: number;
  name: string;
}

/** `lineOf`: what a line of a class takes at a deployment. Null = nothing of the batch saves money, or nobody can say. */
export async function thriftyPlan(
  ports: ThriftyPorts,
  batch: ToDrain,
  lineOf: LineOf,
): Promise<ThriftyPlan | null> {
  if (!batch.classes.some(({ pool }) => savesMoney(ports.fleet, pool))) return null;
  const own = asDraining(batch);
  const { problem, names } = planProblem(ports, [...ports.feeder.draining, own], DAY_MS);
  const saving = own.classes.flatMap((one, index): Saving[] =>
    savesMoney(ports.fleet, one.pool)
      ? [{ index, jobs: one.jobs, name: names.get(one) ?? '' }]
      : [],
  );
  const at = (end: keyof Range) => planAt(ports, problem, { end, saving, lineOf });
  const [low, likely, high] = [await at('low'), await at('likely'), await at('high')];
  if (low === null || likely === null || high === null) return null;
  const [now, planned] = [ports.now(), saving.map(({ name }) => name)];
  const eta = etaAt({
    plan: likely,
    madeAt: now,
    now,
    classes: planned,
    expiresAt: batch.expiresAt,
    inTurnsMs: null,
    keptMs: 0,
  });
  const places = {
    low: placesIn(low, saving),
    likely: placesIn(likely, saving),
    high: placesIn(high, saving),
  };
  return { places, endMs: eta - now };
}

/** The plan where the lines take what they take at this end; null = there is none for all of them. */
async function planAt(
  ports: ThriftyPorts,
  problem: DrainProblem,
  { end, saving, lineOf }: { end: keyof Range; saving: readonly Saving[]; lineOf: LineOf },
): Promise<Plan | null> {
  const classes = problem.classes.map((jobClass) => {
    const of = saving.find(({ name }) => name === jobClass.id);
    return of
      ? costingAt(ports, jobClass, { end, lineOf: (id) => lineOf(of.index, id) })
      : jobClass;
  });
  const planned = await ports.solve({ ...problem, classes });
  if (planned.kind === 'failed') return null;
  const { unplaced } = planned.plan;
  return saving.some(({ name }) => unplaced.includes(name)) ? null : planned.plan;
}

const placesIn = ({ quotas }: Plan, saving: readonly Saving[]): Map<number, Places> =>
  new Map(saving.map(({ index, jobs, name }) => [index, partOf(quotas[name] ?? {}, jobs)]));

/** The class with what its lines take at this end. What is charged whatever is produced stays. */
function costingAt(
  { fleet }: Pick<ProblemPorts, 'fleet'>,
  jobClass: JobClass,
  { end, lineOf }: { end: keyof Range; lineOf: (deployment: string) => PoolEstimate },
): JobClass {
  const deployments = Object.entries(jobClass.deployments).map(([id, place]) => {
    const { inputTokens, outputTokens, costUsd } = lineOf(id);
    const factor = (range: Range): number => (range.likely > 0 ? range[end] / range.likely : 1);
    const keeps = fleet.deployments.get(id)?.accounting.output === 'max_tokens';
    const cost = {
      ...place.cost,
      input: place.cost.input * factor(inputTokens),
      output: place.cost.output * (keeps ? 1 : factor(outputTokens)),
      usd: costUsd?.[end] ?? null,
    };
    return [id, { ...place, cost }] as const;
  });
  return { ...jobClass, deployments: Object.fromEntries(deployments) };
}

/** So many lines of a class, as all of it is shared out. */
function partOf(quotas: Places, jobs: number): Places {
  const all = Object.values(quotas).reduce((sum, quota) => sum + quota, 0);
  return Object.fromEntries(
    Object.entries(quotas).map(([id, quota]) => [id, all > 0 ? (quota * jobs) / all : 0]),
  );
}

/** Sums of a class of the batch; of one that saves money each end goes by its own plan. */
export function byEnds(
  thrifty: ThriftyPlan | null,
  index: number,
  summed: (planned: Places | null) => PoolEstimate,
): PoolEstimate {
  const at = (end: keyof Range) => summed(thrifty?.places[end].get(index) ?? null);
  const likely = at('likely');
  if (!thrifty?.places.likely.has(index)) return likely;
  const [low, high] = [at('low'), at('high')];
  const ends = (read: (each: PoolEstimate) => Range): Range => ({
    low: read(low).low,
    likely: read(likely).likely,
    high: read(high).high,
  });
  const nothing = { low: 0, likely: 0, high: 0 };
  const priced = [low, likely, high].every(({ costUsd }) => costUsd !== null);
  return {
    lines: likely.lines,
    inputTokens: ends(({ inputTokens }) => inputTokens),
    outputTokens: ends(({ outputTokens }) => outputTokens),
    costUsd: priced ? ends(({ costUsd }) => costUsd ?? nothing) : null,
  };
}
