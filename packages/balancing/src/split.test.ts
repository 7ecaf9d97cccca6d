import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Candidate } from './candidate.ts';
import { asked, candidate, perMinute } from './example-candidates.ts';
import { type Place, jobsAt, placeAll, strategy, times } from './example-stream.ts';

const candidates = ['old', 'new@a', 'new@b', 'other'].map((id) => candidate(id));
const users = Array.from({ length: 10_000 }, (_, i) => asked({ affinityKey: `user:${i}` }));

const run = (
  arms: Record<string, number>,
  requests: readonly Asked[],
  { among = candidates, seed = 1 }: { among?: readonly Candidate[]; seed?: number } = {},
): Place[] =>
  placeAll(
    { strategy: strategy('split', { arms }), candidates: among, seed, piles: false },
    requests,
  );
const without = (id: string): Candidate[] =>
  candidates.map((each) => (each.id.startsWith(id) ? { ...each, state: 'broken' } : each));

test('without a key the lot meets the percentages, and an arm’s deployments share it', () => {
  for (const seed of [1, 2, 3]) {
    const all = run({ old: 90, new: 10 }, times(10_000), { seed });
    // p = 1/10: 4 × √(10,000 × 9/100) = 120; halves of it a little less each.
    assert.ok(Math.abs(jobsAt(all, 'old') - 9_000) <= 120, `${jobsAt(all, 'old')}`);
    assert.ok(Math.abs(jobsAt(all, 'new@a') - 500) <= 90, `${jobsAt(all, 'new@a')}`);
    assert.equal(jobsAt(all, 'other'), 0);
  }
});

test('percentages are of jobs, also where one arm takes thirty at once and the other one', () => {
  const among = [
    candidate('old', { rates: [perMinute('rpm', 18_000)] }),
    candidate('new', { rates: [perMinute('rpm', 600)] }),
  ];
  const all = run({ old: 90, new: 10 }, times(20_000, asked({ jobs: 100 })), { among });
  const part = jobsAt(all, 'new') / (jobsAt(all, 'new') + jobsAt(all, 'old'));
  assert.ok(Math.abs(part - 0.1) < 0.01, `${part}`);
});

test('a key stays with its arm, and keys meet the percentages', () => {
  const all = run({ old: 90, new: 10 }, users);
  assert.ok(Math.abs(jobsAt(all, 'old') - 9_000) <= 120, `${jobsAt(all, 'old')}`);
  const again = run({ old: 90, new: 10 }, users, { seed: 2 });
  assert.ok(all.every(({ deployment }, i) => arm(deployment) === arm(again[i]?.deployment)));
});

const arm = (deployment: string | undefined): string | undefined => deployment?.split('@')[0];

test('when percentages change only as many keys move as must, all in one direction', () => {
  const before = run({ old: 90, new: 10 }, users);
  const after = run({ old: 70, new: 30 }, users);
  const moved = before.flatMap(({ deployment }, i) => {
    const to = after[i]?.deployment;
    return arm(deployment) === arm(to) ? [] : [`${arm(deployment)} → ${arm(to)}`];
  });
  assert.deepEqual(new Set(moved), new Set(['old → new']));
  assert.ok(Math.abs(moved.length - 2_000) <= 200, `${moved.length}`);
});

test('an arm that is down spills to the others by their percentages, and says what it should have been', () => {
  for (const requests of [users, times(10_000)]) {
    const arms = { old: 60, new: 30, other: 10 };
    const all = run(arms, requests, { among: without('new') });
    const spilled = all.filter(({ insteadOf }) => insteadOf !== undefined);
    assert.ok(spilled.every(({ insteadOf }) => insteadOf === 'new'));
    // 4 × √(10,000 × 0.3 × 0.7) = 183; of those 3,000 six sevenths go to old.
    assert.ok(Math.abs(spilled.length - 3_000) <= 183, `${spilled.length}`);
    const part = jobsAt(spilled, 'old') / spilled.length;
    assert.ok(Math.abs(part - 6 / 7) < 0.03, `${part}`);
  }
});

test('the keys of other arms do not move when one is down', () => {
  const all = run({ old: 60, new: 30, other: 10 }, users);
  const down = run({ old: 60, new: 30, other: 10 }, users, { among: without('new') });
  for (const [i, { deployment }] of all.entries())
    if (arm(deployment) !== 'new') assert.equal(down[i]?.deployment, deployment);
});

test('deployments that no arm names, or at 0 percent, get work only when no arm can take it', () => {
  const [choice] = run({ old: 100, other: 0 }, [asked()], { among: without('old') });
  assert.equal(choice?.insteadOf, 'old');
  assert.notEqual(choice?.deployment, 'old');
});

test('the last one left is told apart too', () => {
  const [choice] = run({ old: 100, new: 0 }, [asked()], { among: [candidate('new')] });
  assert.deepEqual([choice?.deployment, choice?.insteadOf], ['new', 'old']);
});
