/**
 * How long the planner holds the thread. The figures are printed, as processor time too, which says more on a busy
 * machine; the bounds only catch what would make a plan every few seconds impossible, on machines of any speed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import { typicalProblem } from './example-problems.ts';
import { idealDrain } from './ideal-drain.ts';
import { makePlan } from './make-plan.ts';
import { placed, startPace } from './pace.ts';
import { nextPair } from './pacing.ts';
import type { DrainProblem } from './problem.ts';

const ROUNDS = 15;
const DAY_MS = 86_400_000;

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function measure(solve: (round: number) => Promise<{ kind: string }>) {
  const [wall, cpu]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [begun, used] = [performance.now(), cpuMs()];
    assert.equal((await solve(round)).kind, 'solved');
    wall.push(performance.now() - begun);
    cpu.push(cpuMs() - used);
  }
  const first = wall[0] ?? 0;
  const words = `first ${first.toFixed(1)} ms, median ${median(wall).toFixed(1)}, least ${Math.min(...wall).toFixed(1)}, processor ${median(cpu).toFixed(1)}`;
  return { words, medianMs: median(wall) };
}

const typical = (classes: number, deployments: number) => (round: number) =>
  typicalProblem({ classes, deployments }, seededRandom(1 + (round % 5)));

const changed = (
  { classes, ...fleet }: DrainProblem,
  change: (index: number) => Partial<DrainProblem['classes'][number]>,
): DrainProblem => ({
  ...fleet,
  classes: classes.map((each, index) => ({ ...each, ...change(index) })),
});

const large = typical(60, 40);
const cases: [string, number, (round: number) => Promise<{ kind: string }>][] = [
  ['T*, 25 classes on 4 deployments', 500, (round) => idealDrain(typical(25, 4)(round))],
  ['T*, 60 classes on 40 deployments', 2_000, (round) => idealDrain(large(round))],
  ['plan, 25 on 4', 500, (round) => makePlan(typical(25, 4)(round))],
  ['plan, 60 on 40', 2_000, (round) => makePlan(large(round))],
  [
    'plan, 60 on 40, every other one held by its tenant’s limits',
    2_000,
    (round) =>
      makePlan(
        changed(large(round), (index) =>
          index % 2 === 0
            ? { shaped: { ms: 60_000 * (1 + index), tenant: `t${index}`, limit: 'rpm' } }
            : {},
        ),
      ),
  ],
  [
    'plan, 60 on 40, a deadline of a day for all, half of them by cost',
    4_000,
    (round) =>
      makePlan(
        changed(large(round), (index) => ({
          deadlineInMs: DAY_MS,
          objective: index % 2 === 0 ? 'cost' : 'time',
        })),
      ),
  ],
  [
    'plan, 60 on 40, a deadline that bites for every fourth',
    10_000,
    (round) =>
      makePlan(changed(large(round), (index) => (index % 4 === 0 ? { deadlineInMs: 60_000 } : {}))),
  ],
  [
    'plan, 60 on 40, a deadline that cannot be met for every fourth',
    20_000,
    (round) =>
      makePlan(changed(large(round), (index) => (index % 4 === 0 ? { deadlineInMs: 20_000 } : {}))),
  ],
];

for (const [name, mostMs, solve] of cases)
  test(name, async (t) => {
    const { words, medianMs } = await measure(solve);
    t.diagnostic(words);
    assert.ok(medianMs < mostMs, words);
  });

test('the next pair of 60 classes on 40 deployments', async (t) => {
  const planned = await makePlan(large(0));
  assert.ok(planned.kind === 'solved');
  const pace = startPace(planned.plan);
  const calls = 20_000;
  const each = (hasRoom: () => boolean): number => {
    const begun = performance.now();
    for (let call = 0; call < calls; call += 1) {
      const pair = nextPair(pace, { hasRoom, waiting: () => 1, own: () => true, atMs: 0 });
      if (pair) placed(pace, pair, 1);
    }
    return ((performance.now() - begun) * 1_000) / calls;
  };
  each(() => true);
  const [room, none] = [each(() => true), each(() => false)];
  t.diagnostic(`${room.toFixed(1)} µs with room, ${none.toFixed(1)} µs without`);
  assert.ok(room < 500 && none < 500, `${room} µs, ${none} µs`);
});
