import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Candidate } from './candidate.ts';
import { type Choice, choose } from './choose.ts';
import { asked, candidate, perMinute, pool } from './example-candidates.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

const priced = (id: string, usd: number | null, more: Partial<Candidate> = {}): Candidate =>
  candidate(id, { price: usd === null ? null : { input: usd, output: usd }, ...more });

const decide = (
  candidates: Candidate[],
  request: Partial<Asked> = {},
  { settings = {}, now = 0 }: { settings?: Record<string, unknown>; now?: number } = {},
): Choice =>
  choose(asked(request), pool(candidates, { strategy: strategy('cost', settings) }), {
    now,
    random: () => 0.5,
  });
const placed = (choice: Choice): string =>
  choice.kind === 'place' ? choice.deployment : choice.kind;

const FULL = { rates: [perMinute('rpm', 600, { aheadMs: 2_500 })] };
const HOUR = 3_600_000;

test('what is free goes first, then the cheapest, what has no price last', () => {
  const [free, cheap, dear, unknown] = [
    priced('free', 0),
    priced('cheap', 1),
    priced('dear', 9),
    priced('unknown', null),
  ] as const;
  assert.equal(placed(decide([unknown, dear, cheap, free])), 'free');
  assert.equal(placed(decide([unknown, dear, cheap])), 'cheap');
  assert.equal(placed(decide([unknown, dear])), 'dear');
  assert.equal(placed(decide([unknown])), 'unknown');
});

const cost = (tokens: { input: number; output: number }) => ({
  cost: { requests: 1, ...tokens },
});

test('counts what this job costs there, not the list price', () => {
  const input = candidate('input', { price: { input: 1, output: 10 } });
  const output = candidate('output', { price: { input: 3, output: 4 } });
  assert.equal(placed(decide([input, output], cost({ input: 9_000, output: 100 }))), 'input');
  assert.equal(placed(decide([input, output], cost({ input: 100, output: 900 }))), 'output');
  // The likely output decides, where the caller says what it costs: a budget may count a maximum.
  const costs = new Map([['output', { requests: 1, input: 100, output: 900, usd: 1 }]]);
  assert.equal(
    placed(decide([input, output], { ...cost({ input: 100, output: 900 }), costs })),
    'input',
  );
});

test('those about equally cheap share by capacity', () => {
  const candidates = [
    priced('a', 1, { rates: [perMinute('rpm', 300)] }),
    priced('b', 1.05, { rates: [perMinute('rpm', 600)] }),
    priced('dear', 2, { rates: [perMinute('rpm', 6_000)] }),
  ];
  const all = placeAll(
    { strategy: strategy('cost', { within_percent: 10 }), candidates },
    times(900),
  );
  assert.ok(Math.abs(jobsAt(all, 'b') - 600) <= 1, `${jobsAt(all, 'b')}`);
  assert.equal(jobsAt(all, 'dear'), 0);
});

test('prices for the comparison come first: what each has learnt of its tokens makes none the cheaper', () => {
  const candidates = ['a', 'b'].map((id) => priced(id, 1, { rates: [perMinute('rpm', 600)] }));
  const costs = new Map([
    ['a', { requests: 1, input: 1_000, output: 100, usd: 1.2 }],
    ['b', { requests: 1, input: 900, output: 100, usd: 1 }],
  ]);
  const usdFor = new Map([
    ['a', 1.1],
    ['b', 1.1],
  ]);
  const pick = (request: Partial<Asked>, random: number): string => {
    const settings = pool(candidates, { strategy: strategy('cost', {}) });
    return placed(choose(asked(request), settings, { now: 0, random: () => random }));
  };
  assert.deepEqual([pick({ costs }, 0), pick({ costs }, 0.9)], ['b', 'b']);
  assert.notEqual(
    pick({ costs, usdFor }, 0),
    pick({ costs, usdFor }, 0.9),
    'by lot, as all is equal',
  );
});

test('the cheapest that is too slow for the deadline is passed over', () => {
  const slow = priced('slow', 1, { predictedMs: 8_000 });
  const quick = priced('quick', 9, { predictedMs: 1_000 });
  assert.equal(placed(decide([slow, quick], { deadlineInMs: 20_000 })), 'slow');
  assert.equal(placed(decide([slow, quick], { deadlineInMs: 10_000 })), 'quick');
  assert.equal(
    placed(decide([slow, quick], { deadlineInMs: 100 })),
    'quick',
    'late anyway: soonest',
  );
});

test('a batch job waits for the cheap one while its deadline allows it', () => {
  const cheap = priced('cheap', 1, FULL);
  const dear = priced('dear', 9);
  const choice = decide([cheap, dear], { deadlineInMs: HOUR });
  assert.ok(choice.kind === 'wait' && choice.why.deployment === 'cheap');
  assert.equal(placed(decide([cheap, dear], { deadlineInMs: 5_000 })), 'dear');
  assert.equal(placed(decide([cheap, dear], { deadlineInMs: null })), 'dear', 'none known');
  assert.equal(placed(decide([cheap, dear], { deadlineInMs: HOUR, band: 'interactive' })), 'dear');
});

test('half of its time is the most that a job waits for a cheaper one', () => {
  const full = [priced('cheap', 1, FULL), priced('dear', 9)];
  const after = (now: number): Choice => decide(full, { deadlineInMs: 60_000 - now }, { now });
  assert.equal(after(29_999).kind, 'wait');
  assert.equal(placed(after(30_000)), 'dear');
});

test('nobody waits for a cheap one that is broken, or longer than max_wait_ms', () => {
  const [broken, dear] = [priced('cheap', 1, { state: 'broken' }), priced('dear', 9)];
  assert.equal(placed(decide([broken, dear], { deadlineInMs: HOUR })), 'dear');
  const settings = { max_wait_ms: 5_000 };
  const full = [priced('cheap', 1, FULL), dear];
  assert.equal(decide(full, { deadlineInMs: HOUR }, { settings, now: 4_999 }).kind, 'wait');
  assert.equal(placed(decide(full, { deadlineInMs: HOUR }, { settings, now: 5_000 })), 'dear');
});
