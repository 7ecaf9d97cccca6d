import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { makePlan } from '@sluice/planning';
import type { DrainProblem, JobClass } from '@sluice/planning';
import { oneByOne, SolverThread } from './solver-thread.ts';
import type { SolverThreadOptions } from './solver-thread.ts';

function open(t: TestContext, options?: SolverThreadOptions): SolverThread {
  const solver = new SolverThread(options);
  t.after(() => solver.close());
  return solver;
}

/** Classes of many shapes over deployments of many limits; every fourth class has a deadline that it cannot meet. */
function hard(classes: number, deployments: number): DrainProblem {
  const ids = Array.from({ length: deployments }, (_, i) => `d${i}`);
  const jobClass = (k: number): JobClass => ({
    id: `k${k}`,
    jobs: 100 + 37 * k,
    deployments: Object.fromEntries(
      ids
        .filter((_, i) => (i + k) % 5 !== 0)
        .map((id, i) => {
          const cost = {
            requests: 1,
            input: 50 + 97 * k,
            output: 10 + 13 * ((k + i) % 60),
            usd: 0,
          };
          return [id, { cost, latencyMs: 300 + 12 * cost.output }];
        }),
    ),
    ...(k % 4 === 0 && { deadlineInMs: 20_000 }),
  });
  return {
    classes: Array.from({ length: classes }, (_, k) => jobClass(k)),
    deployments: ids.map((id) => ({ id, budgets: [id], concurrency: null })),
    budgets: ids.map((id, i) => ({
      id,
      concurrency: null,
      rates: [
        { dimension: 'rpm', perMs: (400 + 150 * i) / 60_000, burst: 10 },
        { dimension: 'tpm', perMs: (200_000 + 40_000 * i) / 60_000, burst: 4_000 },
      ],
    })),
  };
}

const NOTHING: DrainProblem = { classes: [], deployments: [], budgets: [] };

/** A thread that does this with each message. */
const doing = (what: string): URL =>
  new URL(
    `data:text/javascript,import { parentPort } from 'node:worker_threads'; parentPort.on('message', (asked) => { ${what} })`,
  );

describe('solver thread', () => {
  test('makes the plan that makePlan makes', async (t) => {
    const problem = hard(6, 4);
    assert.deepEqual(await open(t).solve(problem), await makePlan(problem));
  });

  test('leaves the loop free: whoever places goes on while a plan is made', async (t) => {
    const solver = open(t);
    // Loading would let the loop turn, too.
    assert.equal((await solver.solve(hard(6, 4))).kind, 'solved');
    await makePlan(hard(6, 4));
    const problem = hard(60, 40);
    const beside = await turnsDuring(() => solver.solve(problem));
    const alone = await turnsDuring(() => makePlan(problem));
    t.diagnostic(`turns of the loop: ${beside} with the thread, ${alone} without`);
    assert.ok(alone < 10, `made on this thread a plan lets the loop turn ${alone} times`);
    assert.ok(beside > 100, `with the thread the loop turned ${beside} times`);
  });

  test('what is left to the loop is to send a problem and to take in a plan', async (t) => {
    const solver = open(t);
    const problem = hard(60, 40);
    const busyMs: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const before = performance.eventLoopUtilization();
      assert.equal((await solver.solve(problem)).kind, 'solved');
      busyMs.push(performance.eventLoopUtilization(before).active);
    }
    const alone = performance.now();
    await makePlan(problem);
    const aloneMs = performance.now() - alone;
    const median = busyMs.toSorted((a, b) => a - b)[2] ?? Infinity;
    const words = `${median.toFixed(1)} ms of the loop per plan, ${aloneMs.toFixed(0)} ms if it were made there`;
    t.diagnostic(words);
    assert.ok(median < aloneMs / 2, words);
  });

  test('a thread that dies is a plan that failed, and the next problem has another one', async (t) => {
    const dies = doing(
      `if (asked.problem.classes.length === 0) process.exit(1); parentPort.postMessage({ turn: asked.turn, planned: { kind: 'failed', reason: 'alive' } });`,
    );
    const solver = open(t, { program: dies });
    assert.match(reasonOf(await solver.solve(NOTHING)), /ended/);
    assert.equal(reasonOf(await solver.solve(hard(1, 1))), 'alive');
    const throws = open(t, { program: doing(`throw new Error('broken')`) });
    assert.match(reasonOf(await throws.solve(NOTHING)), /broken/);
  });

  test('one that does not answer in time is a plan that failed, even if it never returns', async (t) => {
    const solver = open(t, { program: doing('for (;;) {}'), answerWithinMs: 300 });
    assert.match(reasonOf(await solver.solve(NOTHING)), /in time/);
    assert.match(reasonOf(await solver.solve(NOTHING)), /in time/);
  });

  test('closing it answers whoever waits, and whoever asks later', async (t) => {
    const solver = open(t, { program: doing('') });
    const answer = solver.solve(NOTHING);
    await solver.close();
    assert.match(reasonOf(await answer), /closed/);
    assert.match(reasonOf(await solver.solve(NOTHING)), /not there/);
  });
});

const reasonOf = (planned: Awaited<ReturnType<SolverThread['solve']>>): string =>
  planned.kind === 'failed' ? planned.reason : planned.kind;

/** How often the loop turned until it was done. */
async function turnsDuring(work: () => Promise<{ kind: string }>): Promise<number> {
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  assert.equal((await work()).kind, 'solved');
  done = true;
  return turns;
}

const named = (id: string): DrainProblem => ({
  classes: [{ id, jobs: 1, deployments: {} }],
  deployments: [],
  budgets: [],
});

test('problems of several who ask at once are solved, one after the other', async () => {
  const asked: string[] = [];
  const ends: (() => void)[] = [];
  const solve = oneByOne(({ classes }) => {
    const name = classes[0]?.id ?? '';
    asked.push(name);
    return new Promise((resolve) => {
      ends.push(() => resolve({ kind: 'failed', reason: name }));
    });
  });
  const [first, second] = [solve(named('first')), solve(named('second'))];
  await Promise.resolve();
  assert.deepEqual(asked, ['first']);
  ends.shift()?.();
  assert.deepEqual(await first, { kind: 'failed', reason: 'first' });
  assert.deepEqual(asked, ['first', 'second']);
  ends.shift()?.();
  assert.deepEqual(await second, { kind: 'failed', reason: 'second' });
});

test('one that throws fails alone', async () => {
  const solve = oneByOne(({ classes }) => {
    const reason = classes[0]?.id ?? '';
    if (reason === 'bad') throw new Error(reason);
    return Promise.resolve({ kind: 'failed', reason });
  });
  const [bad, next] = [solve(named('bad')), solve(named('next'))];
  await assert.rejects(bad, /bad/);
  assert.deepEqual(await next, { kind: 'failed', reason: 'next' });
});
