/** The first calls to a deployment, of whose length nothing is known: booked with far more output than they produce. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stream } from './chance.ts';
import { Engine } from './engine.ts';
import { exampleFleet, exampleJob, scenario } from './example-scenario.ts';

const fleet = exampleFleet({ x: { tpm: 1_000_000 } });
const [x] = fleet.deployments.values();
if (x) fleet.deployments.set('x', { ...x, defaultMaxTokens: 4_096, timeoutMs: 60_000 });
test('what they did not produce is not called for at once where the provider cannot have kept it', async () => {
  for (const seed of [1, 2, 3]) {
    const random = stream(seed);
    const upTo = (most: number): number => 1 + Math.floor(random() * most);
    const jobs = Array.from({ length: 200 }, () =>
      exampleJob({ inputTokens: upTo(2_300), outputTokens: upTo(420) }),
    );
    const run = await new Engine(scenario(fleet, jobs, { seed })).run();
    assert.equal(run.calls.get('x')?.limited, 0, `seed ${seed}`);
  }
});
