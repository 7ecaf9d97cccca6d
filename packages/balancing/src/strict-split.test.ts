/** `split` with `strict`: who waits for what, and what happens to jobs whose arm is out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import type { Asked, Candidate } from './candidate.ts';
import { type Choice, choose } from './choose.ts';
import { asked, candidate, perMinute, pool } from './example-candidates.ts';
import { strategy } from './example-stream.ts';
import { getsNothing } from './kept-tiers.ts';
import { lotOf } from './lot.ts';

const FULL = { rates: [perMinute('rpm', 60, { aheadMs: 60_000 })] };
const fleet = (...over: (Partial<Candidate> & { id: string })[]): Candidate[] =>
  [candidate('old'), candidate('new@a'), candidate('new@b'), candidate('spare', { tier: 2 })].map(
    (each) => ({ ...each, ...over.find(({ id }) => id === each.id) }),
  );

const strict = strategy('split', { arms: { old: 75, new: 25 }, strict: true });

const decide = (
  request: Partial<Asked>,
  candidates: readonly Candidate[],
  more: { spillAfterMs?: number; now?: number; seed?: number } = {},
): Choice =>
  choose(
    asked(request),
    pool(candidates, { strategy: strict, spillAfterMs: more.spillAfterMs ?? null }),
    { now: more.now ?? 0, random: seededRandom(more.seed ?? 1) },
  );

/** Where a job goes: deployment, and the arm instead of which. */
const place = (choice: Choice): [string, string | undefined] => {
  assert.ok(choice.kind === 'place', choice.kind);
  return [choice.deployment.split('@')[0] as string, choice.insteadOf];
};

const OLD = { lot: 0.5 };
const NEW = { lot: 0.8 };

test('a job waits for its arm while that is full, although the other has room', () => {
  const choice = decide(OLD, fleet({ id: 'old', ...FULL }));
  assert.ok(choice.kind === 'wait');
  assert.deepEqual([choice.why.deployment, choice.why.dimension], ['old', 'rpm']);
  assert.deepEqual(place(decide(NEW, fleet({ id: 'old', ...FULL }))), ['new', undefined]);
});

test('it waits for whichever deployment of its arm is free first', () => {
  const half = { rates: [perMinute('rpm', 60, { aheadMs: 3_000 })] };
  const choice = decide(NEW, fleet({ id: 'new@a', ...FULL }, { id: 'new@b', ...half }));
  assert.ok(choice.kind === 'wait');
  assert.equal(choice.why.deployment, 'new@b');
  const free = decide(NEW, fleet({ id: 'new@a', ...FULL }));
  assert.ok(free.kind === 'place' && free.deployment === 'new@b');
});

for (const out of [
  { state: 'broken' },
  { state: 'paused' },
  { state: 'blocked' },
  { weight: 0 },
] as const)
  test(`an arm that is out (${JSON.stringify(out)}): the next tier, told apart; never the other arm`, () => {
    assert.deepEqual(place(decide(OLD, fleet({ id: 'old', ...out }))), ['spare', 'old']);
    assert.deepEqual(place(decide(NEW, fleet({ id: 'old', ...out }))), ['new', undefined]);
    const alone = fleet({ id: 'old', ...out }).filter(({ tier }) => tier === 1);
    assert.equal(decide(OLD, alone).kind, 'wait', 'without a next tier it waits for its arm');
  });

test('a half-open deployment is tried by jobs of its own arm alone', () => {
  const trying = fleet({ id: 'old', state: 'half_open' }).filter(({ tier }) => tier === 1);
  assert.deepEqual(place(decide(OLD, trying)), ['old', undefined]);
  assert.deepEqual(place(decide(NEW, trying)), ['new', undefined]);
});

test('`spill_after_ms` leads to the next tier, not to the other arm', () => {
  const full = fleet({ id: 'old', ...FULL });
  assert.equal(decide(OLD, full, { spillAfterMs: 500, now: 499 }).kind, 'wait');
  assert.deepEqual(place(decide(OLD, full, { spillAfterMs: 500, now: 500 })), ['spare', 'old']);
});

test('a job that failed on its arm tries it again, rather than the other', () => {
  assert.deepEqual(place(decide({ ...OLD, exclude: ['old'] }, fleet())), ['old', undefined]);
  const other = decide({ ...NEW, exclude: ['new@a'] }, fleet());
  assert.ok(other.kind === 'place' && other.deployment === 'new@b');
});

test('the lot says the arm, by percentage, and the same whenever it is asked', () => {
  const arms = Array.from(
    { length: 10_000 },
    (_, i) => place(decide({ lot: lotOf(`job_${i}`) }, fleet()))[0],
  );
  const old = arms.filter((arm) => arm === 'old').length;
  // 4 × √(10,000 × 3/16) = 173.
  assert.ok(Math.abs(old - 7_500) <= 173, `${old}`);
  for (let seed = 0; seed < 50; seed += 1)
    assert.deepEqual(place(decide(NEW, fleet(), { seed })), ['new', undefined]);
});

test('a key stays with its arm, whatever its lot, and is where it would be without `strict`', () => {
  const loose = strategy('split', { arms: { old: 75, new: 25 } });
  for (let i = 0; i < 500; i += 1) {
    const request = { affinityKey: `user:${i}` };
    const [arm] = place(decide({ ...request, ...OLD }, fleet()));
    assert.deepEqual(place(decide({ ...request, ...NEW }, fleet())), [arm, undefined]);
    const moment = { now: 0, random: seededRandom(i) };
    const free = choose(asked(request), pool(fleet(), { strategy: loose }), moment);
    assert.equal(place(free)[0], arm);
  }
});

test('without a lot one is drawn each time', () => {
  const arms = Array.from({ length: 2_000 }, (_, seed) => place(decide({}, fleet(), { seed }))[0]);
  const old = arms.filter((arm) => arm === 'old').length;
  assert.ok(Math.abs(old - 1_500) <= 78, `${old}`);
});

test('an arm that cannot say what is asked is not drawn', () => {
  const eligible = new Set(['new@a', 'spare']);
  assert.deepEqual(place(decide({ ...OLD, eligible }, fleet())), ['new', undefined]);
  const only = decide({ ...OLD, eligible: new Set(['spare']) }, fleet());
  assert.deepEqual(place(only), ['spare', 'old'], 'no arm can');
});

test('shares say what part of the jobs each arm gets, of those that can say them', () => {
  const three = strategy('split', { arms: { old: 60, new: 30, last: 10, none: 0 }, strict: true });
  for (const eligible of [null, new Set(['new@b', 'last', 'none'])]) {
    const shares = three.keeping?.shares(eligible);
    const arms = Array.from({ length: 10_000 }, (_, i) =>
      three.keeping?.armFor({ lot: i / 10_000, eligible }),
    );
    const got = new Map([...new Set(arms)].map((arm) => [arm, arms.filter((one) => one === arm)]));
    assert.deepEqual([...got.keys()], [...(shares?.keys() ?? [])]);
    for (const [arm, share] of shares ?? [])
      assert.ok(Math.abs((got.get(arm)?.length ?? 0) - 10_000 * share) <= 1, arm);
  }
});

test('asked about a deployment of another arm alone, it says so', () => {
  const only = fleet().filter(({ id }) => id === 'old');
  assert.deepEqual(decide(NEW, only), { kind: 'never', reason: 'other_arm' });
});

test('an arm at 0 percent gets nothing', () => {
  const none = strategy('split', { arms: { old: 0, new: 100 }, strict: true });
  const full = fleet({ id: 'new@a', ...FULL }, { id: 'new@b', ...FULL });
  for (const lot of [0, 0.5, 0.999]) {
    const choice = choose(asked({ lot }), pool(full, { strategy: none }), {
      now: 0,
      random: () => 0,
    });
    assert.equal(choice.kind, 'wait');
  }
});

const section = (isStrict: boolean) => ({
  name: 'split',
  arms: { old: 100, new: 0 },
  strict: isStrict,
});

const told = (isStrict: boolean) =>
  ['old', 'new@a', 'spare'].map((id) => getsNothing({ strategy: section(isStrict) }, id));

test('only an arm of 0 % gets nothing, and only where jobs are kept to arms', () => {
  assert.deepEqual(told(true), [false, true, false]);
  assert.deepEqual(told(false), [false, false, false]);
  assert.equal(getsNothing({ strategy: { name: 'capacity' } }, 'old'), false);
});
