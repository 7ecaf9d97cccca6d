import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose } from './choose.ts';
import { asked, candidate, perMinute, pool } from './example-candidates.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

const prefer = strategy('region', { prefer: ['here', 'near'] });
const rate = (limit: number, aheadMs = 0) => ({ rates: [perMinute('rpm', limit, { aheadMs })] });
const here = [
  candidate('here-1', { region: 'here', ...rate(600) }),
  candidate('here-2', { region: 'here', ...rate(300) }),
];
const near = candidate('near', { region: 'near', ...rate(6_000) });
const far = candidate('far', { region: 'far', ...rate(60_000) });

const where = (candidates: Parameters<typeof pool>[0]): string => {
  const choice = choose(asked(), pool(candidates, { strategy: prefer }), {
    now: 0,
    random: () => 0.5,
  });
  return choice.kind === 'place' ? `${choice.deployment} ${choice.insteadOf ?? ''}` : choice.kind;
};

test('the nearest region takes all it has room for, shared by capacity', () => {
  const all = placeAll({ strategy: prefer, candidates: [far, near, ...here] }, times(900));
  assert.ok(Math.abs(jobsAt(all, 'here-1') - 600) <= 1);
  assert.equal(jobsAt(all, 'near') + jobsAt(all, 'far'), 0);
});

test('spills to the next in order, then to the rest, and says so', () => {
  const full = here.map((each) => ({ ...each, ...rate(600, 1_500) }));
  assert.equal(where([far, near, ...here]), 'here-1 ');
  assert.equal(where([far, near, ...full]), 'near here');
  assert.equal(where([far, { ...near, state: 'broken' }, ...full]), 'far here');
  assert.equal(where([candidate('nowhere'), ...full]), 'nowhere here');
});
