import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agenda } from './agenda.ts';
import { exampleFleet, jobsAlike, scenario } from './example-scenario.ts';
import { assemble } from './parts.ts';
import { tasksOf } from './task.ts';

const fleet = exampleFleet({ x: { tpm: 60_000 }, y: { tpm: 60_000 } });

/** Plans for a batch of 1,000 lines (what is expected of each takes under half a second of a limit) after a call to x that took so many tokens at once. */
async function planBehind(tokens: number) {
  const about = scenario(fleet, jobsAlike(1_000));
  const { budgets, backlog, picture, planner } = assemble(about, {
    agenda: new Agenda(),
    random: () => 0.5,
    started: () => undefined,
    ended: () => undefined,
    usedUp: () => undefined,
    waitFrom: () => undefined,
  });
  for (const task of tasksOf(about.jobs, 1)) backlog.arrive(task);
  const cost = { requests: 1, input: tokens, output: 0, usd: 0 };
  budgets.book('x', { costs: [cost], band: 'batch', leases: ['large'] }, 0);
  picture.update(0);
  const plan = await planner.plan(0);
  assert.ok(plan);
  const jobs = Object.fromEntries(plan.pairs.map((pair) => [pair.deployment, pair.jobs]));
  return { spokenFor: plan.spokenFor, jobs };
}

test('what is booked ahead beyond the usual is planned without, as the dispatcher plans', async () => {
  const { spokenFor, jobs } = await planBehind(50_000);
  const { budget, dimension, forMs } = spokenFor['x'] ?? assert.fail('x is spoken for');
  assert.deepEqual([budget, dimension], ['x', 'tpm']);
  // 50,000 tokens at 985 a second, less the usual two seconds.
  assert.ok(forMs > 48_000 && forMs < 49_000, `${forMs}`);
  assert.ok((jobs['y'] ?? 0) > (jobs['x'] ?? 0) + 50, JSON.stringify(jobs));
});

test('as much as is usual changes nothing', async () => {
  assert.deepEqual(await planBehind(4_500), await planBehind(1));
});
