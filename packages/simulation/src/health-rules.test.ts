/** What the rules about health do to where work goes: the same code as in production (balancing's FleetHealth). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from './engine.ts';
import type { Start } from './run.ts';
import { behaviour, exampleFleet, exampleJob, scenario } from './example-scenario.ts';
import type { Behaviour } from './scenario.ts';

/** Two alike by weight, with room to spare: ten jobs a second for a while. */
async function startsOf(change: Partial<Behaviour>, forMs = 90_000): Promise<Start[]> {
  const fleet = exampleFleet({ x: { rpm: 1_200 }, y: { rpm: 1_200 } });
  const pool = fleet.pools.get('fast') ?? assert.fail();
  fleet.pools.set('fast', { ...pool, strategy: { name: 'weighted' } });
  const jobs = Array.from({ length: forMs / 100 }, (_, i) =>
    exampleJob({ at: i * 100, batch: null, priority: 'normal', outputTokens: 20 }),
  );
  const behaviours = new Map([['x', behaviour(change)]]);
  const starts: Start[] = [];
  const started = (start: Start): number => starts.push(start);
  await new Engine(scenario(fleet, jobs, { behaviours }), { started }).run();
  return starts;
}

/** Of the calls in a stretch of time, the part that went to x. */
function partOf(starts: readonly Start[], from: number, to: number): number {
  const within = starts.filter(({ at }) => at >= from && at < to);
  assert.ok(within.length > 20, `${within.length} calls`);
  return within.filter(({ deployment }) => deployment === 'x').length / within.length;
}

test('one that is four times slower than its peer has half its weight after half a minute, and all of it once it is quick again', async () => {
  const outages = [{ fromMs: 0, toMs: 60_000, kind: 'slow', factor: 4 } as const];
  const starts = await startsOf({ outages }, 180_000);
  const parts = [
    partOf(starts, 0, 25_000),
    partOf(starts, 42_000, 60_000),
    partOf(starts, 120_000, 180_000),
  ];
  const wanted = [1 / 2, 1 / 3, 1 / 2];
  parts.forEach((part, i) =>
    assert.ok(Math.abs(part - (wanted[i] as number)) < 0.06, parts.join(', ')),
  );
});

test('back after failures it takes its work up slowly', async () => {
  const outages = [{ fromMs: 10_000, toMs: 20_000, kind: 'credential', factor: 1 } as const];
  const blocked = await startsOf({ outages });
  assert.equal(partOf(blocked, 11_000, 60_000), 0, 'a block is tried again once a minute');
  const failing = [{ fromMs: 10_000, toMs: 20_000, kind: 'overloaded', factor: 1 } as const];
  const starts = await startsOf({ outages: failing });
  const successes = starts.filter(({ deployment, at }) => deployment === 'x' && at > 20_000);
  const back = successes.find(({ stands }) => stands.state === 'active')?.at ?? assert.fail();
  const within = (from: number, to: number): number =>
    successes.filter(({ at }) => at >= back + from && at < back + to).length;
  // A tenth of 1,200 a minute is two a second; half of ten a second would be five.
  assert.ok(
    within(0, 6_000) <= 2 * 6 + 10 + 1,
    `${within(0, 6_000)} calls in the first six seconds`,
  );
  assert.ok(within(0, 6_000) < within(30_000, 36_000), 'more later');
  assert.ok(Math.abs(partOf(starts, back + 30_000, 90_000) - 1 / 2) < 0.1, 'in the end its share');
});

const partFailing = async (overloaded: number): Promise<number> =>
  partOf(await startsOf({ failures: { overloaded } }), 10_000, 90_000);

test('one that fails every third call of its last half minute is left out, one in fifty is not', async () => {
  const [some, many] = [await partFailing(0.02), await partFailing(0.35)];
  assert.ok(some > 0.4, `one in fifty: ${some}`);
  assert.ok(many < 0.25, `one in three: ${many}`);
});
