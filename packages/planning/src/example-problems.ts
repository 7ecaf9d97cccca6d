/** Problems for the tests of this package: small ones to write by hand, and generators of random ones. */
import assert from 'node:assert/strict';
import type { RateDimension } from '@sluice/job';
import * as fc from 'fast-check';
import { makePlan } from './make-plan.ts';
import type { Plan } from './plan.ts';
import type { Cost, DrainProblem, JobClass, PlannedBudget, PlannedRate } from './problem.ts';

export async function planOf(problem: DrainProblem): Promise<Plan> {
  const planned = await makePlan(problem);
  assert.ok(planned.kind === 'solved', JSON.stringify(planned));
  return planned.plan;
}

export const perMinute = (dimension: RateDimension, limit: number, burst = 0): PlannedRate => ({
  dimension,
  perMs: limit / 60_000,
  burst,
});

/** A class whose jobs cost and last the same wherever they run. */
export const jobClass = (
  id: string,
  jobs: number,
  about: { on: string[]; cost?: Partial<Cost>; latencyMs?: number },
): JobClass => ({
  id,
  jobs,
  deployments: Object.fromEntries(
    about.on.map((deployment) => [
      deployment,
      {
        cost: { requests: 1, input: 0, output: 0, ...about.cost },
        latencyMs: about.latencyMs ?? 0,
      },
    ]),
  ),
});

/** Deployments each with a budget of its own name. */
export const fleet = (
  budgets: Record<string, PlannedRate[]>,
): Pick<DrainProblem, 'deployments' | 'budgets'> => ({
  deployments: Object.keys(budgets).map((id) => ({ id, budgets: [id], concurrency: null })),
  budgets: Object.entries(budgets).map(([id, rates]) => ({ id, rates, concurrency: null })),
});

const anyRate = fc.record(
  {
    dimension: fc.constantFrom<RateDimension>('rpm', 'tpm', 'itpm', 'otpm'),
    perMs: fc.double({ min: 1e-4, max: 100, noNaN: true }),
    burst: fc.double({ min: 0, max: 1e5, noNaN: true }),
  },
  { noNullPrototype: true },
);

const anyBudget = (id: string): fc.Arbitrary<PlannedBudget> =>
  fc.record(
    {
      id: fc.constant(id),
      rates: fc.uniqueArray(anyRate, { maxLength: 3, selector: ({ dimension }) => dimension }),
      concurrency: fc.option(fc.integer({ min: 1, max: 64 })),
    },
    { noNullPrototype: true },
  );

const anyPlacement = fc.record(
  {
    cost: fc.record(
      {
        requests: fc.constant(1),
        input: fc.integer({ min: 1, max: 20_000 }),
        output: fc.integer({ min: 0, max: 4_000 }),
      },
      { noNullPrototype: true },
    ),
    latencyMs: fc.integer({ min: 1, max: 30_000 }),
  },
  { noNullPrototype: true },
);

interface Size {
  classes: number;
  deployments: number;
  /** Whether deployments may draw on each other's budgets. */
  shared: boolean;
  /** Jobs in a class at most. */
  most?: number;
}

/** Every class may run somewhere, not everywhere. */
export function anyProblem({
  classes,
  deployments,
  shared,
  most = 100_000,
}: Size): fc.Arbitrary<DrainProblem> {
  const ids = Array.from({ length: deployments }, (_, i) => `d${i}`);
  const budgets = ids.map((id) => `${id}-budget`);
  const drawn = (own: string): fc.Arbitrary<string[]> =>
    shared
      ? fc.subarray(budgets).map((others) => [...new Set([own, ...others])])
      : fc.constant([own]);
  const anyDeployment = (id: string) =>
    fc.record(
      {
        id: fc.constant(id),
        budgets: drawn(`${id}-budget`),
        concurrency: fc.option(fc.integer({ min: 1, max: 64 })),
      },
      { noNullPrototype: true },
    );
  const anyClass = (id: string): fc.Arbitrary<JobClass> =>
    fc
      .tuple(
        fc.integer({ min: 1, max: most }),
        fc.subarray(ids, { minLength: 1 }),
        fc.array(anyPlacement, { minLength: deployments, maxLength: deployments }),
      )
      .map(([jobs, on, placements]) => ({
        id,
        jobs,
        deployments: Object.fromEntries(on.map((each, i) => [each, placements[i]!])),
      }));
  return fc.record(
    {
      classes: fc.tuple(...Array.from({ length: classes }, (_, i) => anyClass(`k${i}`))),
      deployments: fc.tuple(...ids.map(anyDeployment)),
      budgets: fc.tuple(...budgets.map(anyBudget)),
    },
    { noNullPrototype: true },
  );
}

/** Classes of log-spread shapes over deployments whose budgets favour one or the other, every fourth pair sharing one more. */
export function typicalProblem(
  { classes, deployments }: { classes: number; deployments: number },
  random: () => number,
): DrainProblem {
  const spread = (low: number, high: number): number => low * (high / low) ** random();
  const ids = Array.from({ length: deployments }, (_, i) => `d${i}`);
  return {
    classes: Array.from({ length: classes }, (_, k) => {
      const [input, output] = [spread(50, 8_000), spread(10, 1_500)];
      const placement = (i: number) => ({
        cost: { requests: 1, input, output, usd: ((input + 4 * output) * (1 + (i % 7))) / 1e7 },
        latencyMs: 300 + 12 * output,
      });
      const on = ids.flatMap((id, i) => ((i + k) % 5 === 0 ? [] : [[id, placement(i)] as const]));
      return {
        id: `k${k}`,
        jobs: Math.round(spread(10, 5_000)),
        deployments: Object.fromEntries(on),
      };
    }),
    deployments: ids.map((id, i) => ({
      id,
      budgets: [id, ...(i % 4 < 2 ? [`org${Math.floor(i / 4)}`] : [])],
      concurrency: i % 3 === 0 ? 64 : null,
    })),
    budgets: [
      ...ids.map((id) => ({
        id,
        rates: [
          { dimension: 'rpm' as const, perMs: spread(400, 6_000) / 60_000, burst: 10 },
          { dimension: 'tpm' as const, perMs: spread(2e5, 2e6) / 60_000, burst: 4_000 },
        ],
        concurrency: null,
      })),
      ...ids.map((_id, i) => ({
        id: `org${i}`,
        rates: [{ dimension: 'itpm' as const, perMs: spread(2e5, 2e6) / 60_000, burst: 4_000 }],
        concurrency: null,
      })),
    ],
  };
}
