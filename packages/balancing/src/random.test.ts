import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asked, candidate, perMinute } from './example-candidates.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

test('meets the weights as a fair lot does', () => {
  const candidates = [5, 3, 2].map((weight, i) => candidate(`d${i}`, { weight }));
  for (const seed of [1, 2, 3]) {
    const all = placeAll({ strategy: strategy('random'), candidates, seed }, times(10_000));
    // Four standard deviations of 10,000 draws are at most 4 × √(10,000 / 4) = 200.
    for (const { id, weight } of candidates)
      assert.ok(Math.abs(jobsAt(all, id) - 1_000 * weight) <= 200, `${id}: ${jobsAt(all, id)}`);
  }
});

test('draws are independent: whoever was drawn is as likely to be drawn again', () => {
  const candidates = [candidate('a'), candidate('b')];
  const all = placeAll({ strategy: strategy('random'), candidates }, times(10_000));
  const again = all.filter(({ deployment }, i) => deployment === all[i - 1]?.deployment).length;
  assert.ok(Math.abs(again - 5_000) <= 200, `${again}`);
});

test('counts jobs, not placements, when chunks differ in size', () => {
  const candidates = [
    candidate('slow', { rates: [perMinute('rpm', 600)] }),
    candidate('fast', { rates: [perMinute('rpm', 18_000)] }),
  ];
  // 1 job at once and 30.
  const all = placeAll(
    { strategy: strategy('random'), candidates, piles: false },
    times(40_000, asked({ jobs: 100 })),
  );
  const part = jobsAt(all, 'slow') / (jobsAt(all, 'slow') + jobsAt(all, 'fast'));
  assert.ok(Math.abs(part - 0.5) < 0.03, `${part}`);
});
