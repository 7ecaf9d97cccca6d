/** The plan as `GET /admin/plan` shows it: figures and sentences. Times in ms, moments in Unix seconds, money in US dollars. Pure. */
import { explain } from '@sluice/planning';
import type { DrainProblem, Plan } from '@sluice/planning';
import { PLACED } from './plan-problem.ts';

/** `madeAt` Unix ms. */
export function planView(plan: Plan, problem: DrainProblem, madeAt: number) {
  const shown = withoutPlaced(plan);
  const words = explain(shown, { class: namesOf(problem), deployment: (id) => id });
  return {
    object: 'plan' as const,
    made_at: Math.floor(madeAt / 1_000),
    ideal_ms: Math.round(plan.idealMs),
    planned_ms: Math.round(plan.plannedMs),
    cost_usd: plan.costUsd,
    classes: problem.classes
      .filter(({ id, jobs }) => jobs > 0 && !isPlaced(id))
      .map(({ id, jobs }) => ({
        id,
        lines: Math.round(jobs),
        done_in_ms: id in shown.finishMs ? Math.round(shown.finishMs[id] as number) : null,
        quotas: rounded(shown.quotas[id] ?? {}),
        says: words.classes[id] ?? null,
      })),
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
    deployments: words.deployments,
  };
}

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
    classes.map(({ id, deployments }) => {
      const cost = Object.values(deployments)[0]?.cost;
      const size = cost ? ` of ${Math.round(cost.input)} + ${Math.round(cost.output)} tokens` : '';
      return [id, `${id.split(' ')[0]} lines${size}`];
    }),
  );
  return (id) => names.get(id) ?? id;
}

const rounded = (quotas: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(quotas).map(([id, lines]) => [id, Math.round(lines)]));
