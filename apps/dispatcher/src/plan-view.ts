/** The plan as `GET /admin/plan` shows it: figures and sentences. Times in ms, moments in Unix seconds, money in US dollars. Pure. */
import { explain } from '@sluice/planning';
import type { DrainProblem, JobClass, Plan } from '@sluice/planning';
import { PLACED } from './class-names.ts';

/** What the plan itself does not know. */
export interface ViewFacts {
  /** Unix ms. */
  madeAt: number;
  /** The strategy of a pool that does not keep to the plan; null = it does. */
  ownStrategy: (pool: string) => string | null;
  /** Why a deployment takes nothing now; null = it does. */
  idleBecause: (deployment: string) => string | null;
  /** What would let much more through, by deployment. */
  hints: (problem: DrainProblem) => Readonly<Record<string, string>>;
}

export function planView(plan: Plan, problem: DrainProblem, facts: ViewFacts) {
  const shown = withoutPlaced(plan);
  const names = namesOf(problem);
  const words = explain(shown, { class: names, deployment: (id) => id });
  const classes = problem.classes
    .filter(({ id, jobs }) => jobs > 0 && !isPlaced(id))
    .map((one) =>
      classView(one, { plan: shown, names, says: words.classes[one.id] ?? null }, facts),
    );
  const stands = classes.some(({ done_in_ms }) => done_in_ms === null);
  return {
    object: 'plan' as const,
    made_at: Math.floor(facts.madeAt / 1_000),
    ideal_ms: stands ? null : Math.round(plan.idealMs),
    planned_ms: stands ? null : Math.round(plan.plannedMs),
    cost_usd: plan.costUsd,
    classes,
    limits: plan.rows.map((row) => ({
      budget: row.budget,
      dimension: row.dimension,
      used: row.used,
      scarce: row.binding,
      price_ms: row.price,
      saves_ms: row.savesMs,
    })),
    late: plan.late.map((one) => ({ id: one.class, late_by_ms: Math.round(one.lateByMs) })),
    unplaced: plan.unplaced,
    deployments: {
      ...withHints(words.deployments, { hints: facts.hints(problem), plan: shown }),
      ...idleWords(problem, facts),
    },
  };
}

function classView(
  { id, jobs, deployments }: JobClass,
  about: { plan: Plan; names: (id: string) => string; says: string | null },
  { ownStrategy, idleBecause }: ViewFacts,
) {
  const { plan, names } = about;
  const shown = { id, lines: Math.round(jobs) };
  const places = Object.keys(deployments);
  if (places.every((place) => idleBecause(place) !== null)) {
    const says = `${names(id)}: no deployment takes calls now`;
    return { ...shown, done_in_ms: null, quotas: {}, says };
  }
  const done_in_ms = id in plan.finishMs ? Math.round(plan.finishMs[id] as number) : null;
  const strategy = ownStrategy(poolOf(id));
  if (strategy === null)
    return { ...shown, done_in_ms, quotas: rounded(plan.quotas[id] ?? {}), says: about.says };
  const says = `${names(id)}: the pool's strategy ${strategy} decides where they go; the plan only reckons with them`;
  return { ...shown, done_in_ms, quotas: {}, says };
}

/** Ids of classes begin with the pool's. */
const poolOf = (id: string): string => id.split(' ')[0] as string;

const COUNT_OUTPUT: ReadonlySet<string> = new Set(['tpm', 'otpm', 'tpd']);

/** Where a limit that counts output is what holds it up. */
function withHints(
  words: Readonly<Record<string, string>>,
  { hints, plan }: { hints: Readonly<Record<string, string>>; plan: Plan },
): Record<string, string> {
  const held = (id: string): boolean =>
    plan.rows.some(
      ({ binding, dimension, usedBy }) =>
        binding && COUNT_OUTPUT.has(dimension) && (usedBy[id] ?? 0) > 0,
    );
  return Object.fromEntries(
    Object.entries(words).map(([id, says]) => [
      id,
      hints[id] !== undefined && held(id) ? `${says} ${hints[id]}` : says,
    ]),
  );
}

/** A sentence for each deployment that takes nothing, planned for or not. */
const idleWords = ({ deployments }: DrainProblem, { idleBecause }: ViewFacts) =>
  Object.fromEntries(
    deployments.flatMap(({ id }) => {
      const reason = idleBecause(id);
      return reason === null ? [] : [[id, `${id} gets nothing now: ${reason}.`]];
    }),
  );

const isPlaced = (id: string): boolean => id.startsWith(PLACED);

/** What is on the queues already is no part of what is explained. */
const withoutPlaced = (plan: Plan): Plan => ({
  ...plan,
  pairs: plan.pairs.filter((pair) => !isPlaced(pair.class)),
  unplaced: plan.unplaced.filter((id) => !isPlaced(id)),
});

/** Classes by what a line of them costs: `fast lines of 310 + 40 tokens`. */
function namesOf({ classes }: DrainProblem): (id: string) => string {
  const names = new Map(
    classes.map(({ id, deployments, shaped }) => {
      const cost = Object.values(deployments)[0]?.cost;
      const size = cost ? ` of ${Math.round(cost.input)} + ${Math.round(cost.output)} tokens` : '';
      const whose = shaped ? ` of tenant ${shaped.tenant}` : '';
      return [id, `${poolOf(id)} lines${size}${whose}`];
    }),
  );
  return (id) => names.get(id) ?? id;
}

const rounded = (quotas: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(quotas).map(([id, lines]) => [id, Math.round(lines)]));
