/** Calls of which a provider's window holds less than one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stream } from './chance.ts';
import { Engine } from './engine.ts';
import { exampleFleet, exampleJob, scenario } from './example-scenario.ts';
import { idealMs } from './ideal.ts';

/** 398 tokens a second, and as many in its bucket; half of the calls take more. */
const fleet = exampleFleet({ x: { rpm: 660, tpm: 23_900 } });

test('calls dearer than a bucket of one second, their output counted as it is produced, drain near T*', async (t) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = stream(seed);
    const upTo = (most: number): number => 1 + Math.floor(random() * most);
    const jobs = Array.from({ length: 100 }, () =>
      exampleJob({ inputTokens: upTo(1_000), outputTokens: upTo(200) }),
    );
    const about = scenario(fleet, jobs, { seed });
    const run = await new Engine(about).run();
    const ratio = run.endedAt / ((await idealMs(about, run)) ?? 0);
    t.diagnostic(`seed ${seed}: ${ratio.toFixed(2)} of T*`);
    // An answer longer than expected leaves the bucket less than untouched, and then each such call is refused once.
    assert.ok(ratio >= 1 && ratio < 1.5, `${ratio}, seed ${seed}`);
  }
});
