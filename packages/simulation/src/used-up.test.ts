/** What is left of a day: who has too little of it for a job is passed over, and smaller jobs still run there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from './engine.ts';
import type { Run } from './run.ts';
import { exampleFleet, exampleJob, jobsAlike, scenario } from './example-scenario.ts';
import type { Job, Scenario } from './scenario.ts';

const HOUR_MS = 3_600_000;
const run = (about: Scenario): Promise<Run> => new Engine(about).run();
const large: Partial<Job> = { inputTokens: 2_000, outputTokens: 10, maxOutput: 10 };
const small: Partial<Job> = { inputTokens: 100, outputTokens: 10, maxOutput: 10 };

for (const batch of [null, 'b'])
  test(`what its day has no room for goes to the next tier, and what is smaller runs (${batch === null ? 'single jobs' : 'lines'})`, async () => {
    const fleet = exampleFleet({ day: { rpm: 600, tpd: 5_500 }, free: { rpm: 600 } }, [
      ['day'],
      ['free'],
    ]);
    const jobs = [
      ...jobsAlike(5, { ...large, batch }),
      ...Array.from({ length: 8 }, (_, i) =>
        exampleJob({ ...small, batch: null, at: 20_000 + 1_000 * i }),
      ),
    ];
    const { tasks, endedAt } = await run(scenario(fleet, jobs));
    assert.ok(endedAt < 60_000, `${endedAt} ms: nobody waits for tomorrow`);
    const on = (id: string, of: Partial<Job>): number =>
      tasks.filter(({ job, end }) => end?.deployment === id && job.inputTokens === of.inputTokens)
        .length;
    assert.deepEqual([on('day', large), on('free', large)], [2, 3]);
    assert.deepEqual([on('day', small), on('free', small)], [8, 0]);
  });

test('where nobody else may take it, it waits for its day, and holds up nothing smaller', async () => {
  const fleet = exampleFleet({ day: { rpm: 600, tpd: 5_500 } });
  const jobs = [
    ...jobsAlike(3, { ...large, batch: null, deadlineMs: 30 * HOUR_MS }),
    ...Array.from({ length: 5 }, (_, i) =>
      exampleJob({ ...small, batch: null, at: 20_000 + 1_000 * i }),
    ),
  ];
  const { tasks } = await run(scenario(fleet, jobs));
  assert.ok(tasks.every(({ end }) => end?.kind === 'succeeded'));
  const ends = tasks.map(({ end }) => end?.at ?? 0);
  const later = ends.filter((at) => at > 24 * HOUR_MS);
  assert.equal(later.length, 1, `${later.join()}: the third large one`);
  assert.ok(ends.filter((at) => at < 60_000).length === 7, ends.join());
});
