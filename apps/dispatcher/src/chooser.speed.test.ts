/**
 * What a whole placement costs, the fleet's picture included: it is paid for every chunk of every batch. The figures are
 * printed; the bound only catches work that grows with the square of the fleet, on machines of any speed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DEPTH } from '@sluice/balancing';
import { seededRandom } from '@sluice/testing';
import { Chooser } from './chooser.ts';
import { fleetOf, pictureOf } from './example-fleet.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';

/** With time in the square of the fleet it was 8,000 to 20,000. */
const MOST_MICROSECONDS = 4_000;
const WANTED = {
  shape: { characters: 40, maxOutput: 10, inputs: 1 },
  likely: NOTHING_KNOWN,
  jobs: 1,
  band: 'batch',
  exclude: [],
  eligible: null,
  minTier: 1,
  maxTier: null,
  waitingSince: 0,
} as const;

function chooserAmong(count: number, { keys, tickMs }: { keys: number; tickMs: number }) {
  const ids = Array.from({ length: count }, (_, i) => `d${i}`);
  const more = (i: number) => (keys > 0 ? `, budget: key${i % keys}` : '');
  const limits = (i: number) => `limits: { rpm: ${60_000 + i}, tpm: ${60_000_000 + i} }${more(i)}`;
  const budgets = Array.from(
    { length: keys },
    (_, i) => `key${i}: { rpm: 60000000, tpm: 6000000000, concurrency: 100000 }`,
  );
  const fleet = fleetOf(`
budgets: { ${budgets.join(', ')} }
deployments:
${ids.map((id, i) => `  ${id}: { provider: p, model: m, ${limits(i)} }`).join('\n')}
pools: { fast: [${ids.join(', ')}] }
`);
  const clock = { now: 0 };
  const now = (): number => (clock.now += tickMs);
  const picture = pictureOf(fleet, 0);
  return new Chooser({ fleet, picture, depth: DEFAULT_DEPTH, now, random: seededRandom(1) });
}

/**
 * Mean of the fastest of many short rounds: what the code needs, not what else the machine is doing. Processor time would not do: it
 * is counted in steps as long as a round.
 */
function fastestRound(step: () => void): number {
  let fastest = Infinity;
  for (let round = 0; round < 60; round += 1) {
    const begun = performance.now();
    for (let i = 0; i < 100; i += 1) step();
    fastest = Math.min(fastest, (performance.now() - begun) * 10);
  }
  return fastest;
}

for (const about of [
  { keys: 0, tickMs: 0, name: 'each with limits of its own, several placements a ms' },
  { keys: 0, tickMs: 1, name: 'each with limits of its own, time passes' },
  { keys: 20, tickMs: 0, name: 'with twenty budgets, each shared by a twentieth' },
  { keys: 1, tickMs: 0, name: 'with a budget that all share' },
])
  test(`a whole placement among 400 deployments, ${about.name}`, (t) => {
    const [few, many] = [40, 400].map((count) => {
      const chooser = chooserAmong(count, about);
      return fastestRound(() => chooser.choose(WANTED, 'fast'));
    }) as [number, number];
    t.diagnostic(`${many.toFixed(0)} µs, among 40 ${few.toFixed(0)} µs`);
    assert.ok(many <= MOST_MICROSECONDS, `${many.toFixed(0)} µs`);
  });
