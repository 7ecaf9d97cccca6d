import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idealMs } from './ideal.ts';
import {
  callsWhoTakesCalls,
  endsOnce,
  keepsWithin,
  respectsPauses,
  spendsNoMore,
  watched,
} from './invariants.ts';
import type { Watched } from './invariants.ts';
import { latencyMs } from './provider.ts';
import { randomScenario } from './random-scenario.ts';
import type { Scenario } from './scenario.ts';

/** `SLUICE_SEEDS=3000` for a long run, `SLUICE_FIRST_SEED=1234` to begin there. */
const SEEDS = Number(process.env['SLUICE_SEEDS'] ?? 150);
const FIRST = Number(process.env['SLUICE_FIRST_SEED'] ?? 1);
/** Every so many a scenario is run once more. */
const AGAIN_EVERY = 10;

const limitedIn = ({ run }: Watched): number =>
  [...run.calls.values()].reduce((sum, { limited }) => sum + limited, 0);

const textOf = ({ run, starts }: Watched): string =>
  JSON.stringify([
    run.tasks.map(({ end }) => end),
    starts.map(({ at, deployment, task }) => [at, deployment, task.index]),
  ]);

/** As if no window held more than a second's worth: nobody who keeps to a limit at every moment is sooner. */
const withoutBursts = (scenario: Scenario): Scenario => ({
  ...scenario,
  behaviours: new Map(
    [...scenario.behaviours].map(([id, each]) => [id, { ...each, window: 'bucket_1s' }]),
  ),
});

const isDefault = ({ fleet }: Scenario): boolean =>
  [...fleet.pools.values()].every(({ strategy }) => strategy.name === 'capacity');

/**
 * Of T*, and what little work loses beside it: before the first answers tell how long calls take, each slot of a deployment may
 * have one running and one placed behind it, where T* would have spread them.
 */
const DRAIN = { ratio: 1.1, calls: 2 };

const longestMs = ({ jobs, behaviours }: Scenario): number =>
  [...behaviours.values()].reduce((most, { latency }) => {
    const each = jobs.map((job) => latencyMs(latency, job.inputTokens, job.outputTokens));
    return Math.max(most, Math.max(...each) * (1 + latency.jitter));
  }, 0);

/** In pools whose lines go by the plan; the other strategies want something else than to be done soon. */
async function drainsSoon(scenario: Scenario, { run }: Watched): Promise<number | null> {
  if (!isDefault(scenario)) return null;
  const ideal = await idealMs(withoutBursts(scenario), run);
  assert.ok(ideal !== null, 'no T*');
  assert.ok(run.endedAt >= ideal - 1, `drained in ${run.endedAt}, T* ${ideal}`);
  const most = DRAIN.ratio * ideal + DRAIN.calls * longestMs(scenario);
  assert.ok(run.endedAt <= most, `drained in ${run.endedAt}, T* ${ideal}, at most ${most}`);
  return run.endedAt / ideal;
}

async function check(seed: number): Promise<number | null> {
  const { scenario, calm } = randomScenario(seed);
  const seen = await watched(scenario);
  endsOnce(seen);
  callsWhoTakesCalls(scenario, seen);
  respectsPauses(scenario, seen);
  spendsNoMore(scenario, seen);
  if (seed % AGAIN_EVERY === 0) assert.equal(textOf(await watched(scenario)), textOf(seen));
  if (!calm) return null;
  assert.ok(seen.run.tasks.every(({ end }) => end?.kind === 'succeeded'));
  // Elsewhere refusals come by chance, and slow a budget down.
  if (!keepsWithin(scenario)) return null;
  assert.equal(limitedIn(seen), 0, '429s');
  return drainsSoon(scenario, seen);
}

test(`whatever the fleet, the work and the faults: what must always hold, seeds ${FIRST} to ${FIRST + SEEDS - 1}`, async (t) => {
  const ratios: number[] = [];
  const broken: string[] = [];
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    try {
      const ratio = await check(seed);
      if (ratio !== null) ratios.push(ratio);
    } catch (error) {
      broken.push(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const sorted = ratios.toSorted((a, b) => a - b);
  const [middle, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  t.diagnostic(
    `${sorted.length} calm: drain / T* ${middle?.toFixed(3)} in the middle, ${most?.toFixed(3)} at most`,
  );
  assert.equal(broken.length, 0, `${broken.length} seeds:\n${broken.slice(0, 20).join('\n')}`);
});
