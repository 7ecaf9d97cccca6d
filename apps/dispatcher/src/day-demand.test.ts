/** What waits is looked through when something may have changed, not at every look at the fleet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Waiting } from '@sluice/ledger';
import { Chooser } from './chooser.ts';
import { DayDemand } from './day-demand.ts';
import { drainingOfLines, fleetOf, loadOf } from './example-fleet.ts';
import { LengthsBook } from './lengths-book.ts';
import { Picture } from './picture.ts';

const FLEET = fleetOf(`
deployments: { mini: { provider: p, model: m, limits: { tpd: 1000 } } }
pools: { fast: [mini] }
`);
/** 100 tokens of input and as many of output; 300 are left. */
const SMALL = { pool: 'fast', characters: 400, maxOutput: 100 };
const LARGE = { shape: '8.8', lines: 4, characters: 40_000, maxOutput: 100 };

function demand() {
  const time = { ms: 1_000 };
  const now = (): number => time.ms;
  const window = { budget: 'mini', dimension: 'tpd', limit: 1_000, used: 700, nextMs: 3_600_000 };
  const picture = new Picture(FLEET);
  const load = { ...loadOf([]), windows: [{ ...window, usedFraction: 0.7 }] };
  picture.update(new Map([['mini', load as ReturnType<typeof loadOf>]]), now());
  const depth = { depthMs: 1_000, unlimitedDepth: 100, chunkMs: 100, chunkJobs: 32 };
  const jobs: Waiting[] = [];
  let looks = 0;
  const days = new DayDemand({
    fleet: FLEET,
    picture,
    chooser: new Chooser({ fleet: FLEET, picture, depth, now, random: () => 0.5 }),
    lengths: new LengthsBook(now),
    entries: { kinds: () => jobs.values() as Generator<Waiting> },
    feeder: {
      get draining() {
        looks += 1;
        return [drainingOfLines([LARGE])];
      },
    },
    now,
  });
  return { days, time, jobs, picture, looks: () => looks };
}

test('that nothing fits stands for a second: not all that waits is looked through again and again', () => {
  const { days, time, looks } = demand();
  for (let i = 0; i < 20; i++) {
    assert.deepEqual([...days.fitting()], [['mini', false]]);
    time.ms += 49;
  }
  assert.equal(looks(), 1);
  time.ms += 20;
  days.fitting();
  assert.equal(looks(), 2);
});

test('what fits is found after a second, and what is placed fits', () => {
  const { days, time, jobs, picture } = demand();
  assert.equal(days.fitting().get('mini'), false);
  jobs.push({ ...SMALL, formats: 3, maxTier: null, shunned: null, batch: null } as Waiting);
  time.ms += 1_000;
  assert.equal(days.fitting().get('mini'), true);
  jobs.pop();
  assert.equal(days.fitting().get('mini'), false, 'at once');
  picture.placed('mini', 1, { cost: { requests: 1, input: 1, output: 1, usd: 0 }, now: time.ms });
  assert.equal(days.fitting().get('mini'), true);
});
