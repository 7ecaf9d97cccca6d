/** What must hold of any history of bookings. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Limits } from '@sluice/job';
import * as fc from 'fast-check';
import { book } from './book.ts';
import type { BookRequest } from './book.ts';
import { amountOf } from './cost.ts';
import type { Cost } from './cost.ts';
import { rulesOf } from './rules.ts';
import type { Band, BudgetRules } from './rules.ts';
import { fullState } from './state.ts';
import { observe } from './observe.ts';
import { pacesOf } from './paces.ts';
import { settle } from './settle.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

const budget = (limits: Limits, id = 'mini'): BudgetRules =>
  rulesOf({ id, limits, outputCharge: 'actual', root: 'mini' });

const cost = (input: number, output = 0, usd = 0): Cost => ({ requests: 1, input, output, usd });

const request = (
  rules: BudgetRules[],
  costs: Cost[],
  more: Partial<BookRequest> = {},
): BookRequest => ({
  rules,
  costs,
  band: 'interactive',
  leases: costs.map((_, i) => `lease-${i}`),
  leaseMs: 10_000,
  ...more,
});

const times = (n: number, one: Cost): Cost[] => Array.from({ length: n }, () => one);

/** One thing that happens `after` ms later. */
interface Step {
  after: number;
  band: Band;
  costs: { input: number; output: number }[];
  budgets: number;
  /** Settles what was booked so many steps ago, at this multiple of the expected output. */
  settle: number;
  remaining: number;
}

const steps = (): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      after: fc.oneof(fc.nat(300), fc.double({ min: 0, max: 20, noNaN: true }), fc.nat(20_000)),
      band: fc.constantFrom<Band>('interactive', 'batch'),
      costs: fc.array(fc.record({ input: fc.nat(900), output: fc.nat(900) }), { maxLength: 9 }),
      budgets: fc.constantFrom(1, 2, 3),
      settle: fc.constantFrom(0, 0.5, 1, 3),
      remaining: fc.nat(4_000),
    }),
    { maxLength: 40 },
  );

interface Sent {
  start: number;
  cost: Cost;
}

/** Plays steps against a shared budget (`org`) and one of its own; answers what was booked on the shared one. */
function play(all: Step[], { settling }: { settling: boolean }): Sent[] {
  const own = budget({ rpm: 400 });
  const org = budget({ rpm: 900, tpm: 120_000, otpm: 50_000 }, 'org');
  const sent: Sent[] = [];
  let state = fullState();
  let now = NOW;
  for (const step of all) {
    now += step.after;
    const rules = [[org], [own, org], [org, own]][step.budgets - 1] as BudgetRules[];
    const costs = step.costs.map(({ input, output }) => cost(input, output));
    const { decision, state: next } = book(state, request(rules, costs, { band: step.band }), now);
    state = next;
    for (const [i, start] of decision.starts.entries()) {
      assert.ok(start >= now && start <= now + 250);
      sent.push({ start, cost: costs[i] as Cost });
    }
    if (!settling) continue;
    const pacers = [0, 100 * (step.settle - 1), 0, 60 * (step.settle - 1)];
    const answered = { calls: 0, tokens: 0, ms: 0 };
    const ended = { leases: [], longestMs: 10, answers: 1, quickestMs: 10, answered };
    const corrections = [{ pacers, produced: [0, 0, 0, 0], windows: [] }];
    state = settle(state, { rules: [org], corrections, ...ended }, now);
    const report = { dimension: 'tpm' as const, limit: 120_000, remaining: step.remaining };
    state = observe(state, { rules: [org], ...report }, now);
  }
  return sent;
}

/** Checks every window that begins and ends with a start. */
function assertBounded(sent: Sent[], rules: BudgetRules): void {
  const inOrder = sent.toSorted((a, b) => a.start - b.start);
  for (const { dimension, msPerUnit, burstMs } of pacesOf(fullState(), [rules], NOW)[0]?.paces ??
    []) {
    const ms = inOrder.map((call) => amountOf(dimension, call.cost) * msPerUnit);
    const burst = Math.max(burstMs, ...ms);
    for (let i = 0; i < ms.length; i += 1) {
      let spent = 0;
      for (let j = i; j < ms.length; j += 1) {
        spent += ms[j] as number;
        const width = (inOrder[j] as Sent).start - (inOrder[i] as Sent).start;
        assert.ok(spent <= burst + width + 0.01, `${dimension}: ${spent} in ${width} ms`);
      }
    }
  }
}

describe('in every window w, what is booked to start costs at most burst + rate × w', () => {
  const org = budget({ rpm: 900, tpm: 120_000, otpm: 50_000 }, 'org');

  test('with mixed bands, shared budgets and calls bigger than the burst', () => {
    fc.assert(
      fc.property(steps(), (all) => assertBounded(play(all, { settling: false }), org)),
      { numRuns: 300 },
    );
  });

  test('whatever settlements and headers say', () => {
    fc.assert(
      fc.property(steps(), (all) => assertBounded(play(all, { settling: true }), org)),
      { numRuns: 300 },
    );
  });

  test('the check itself sees a window that is too full', () => {
    const sent = times(30, cost(100)).map((one) => ({ start: NOW, cost: one }));
    assert.throws(() => assertBounded(sent, org), /rpm/);
  });
});

test('in every 24 hours, never more than the limit per day', () => {
  const rules = budget({ rpd: 20, usd_per_day: 5 });
  const step = fc.record({ after: fc.nat(9 * HOUR), costs: fc.array(fc.nat(100)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (all) => {
      let state = fullState();
      let now = NOW;
      const sent: Sent[] = [];
      for (const { after, costs } of all) {
        now += after;
        const asked = costs.map((cents) => cost(1, 1, cents / 100));
        const { decision, state: next } = book(state, request([rules], asked), now);
        state = next;
        decision.starts.forEach((start, i) => sent.push({ start, cost: asked[i] as Cost }));
      }
      for (const { start } of sent) {
        const day = sent.filter((call) => call.start >= start && call.start <= start + 24 * HOUR);
        assert.ok(day.length <= 20);
        assert.ok(day.reduce((usd, call) => usd + call.cost.usd, 0) <= 5 + 1e-9);
      }
    }),
  );
});

test('the wait is exact: a moment earlier is refused, that moment is granted', () => {
  fc.assert(
    fc.property(steps(), fc.constantFrom<Band>('interactive', 'batch'), (all, band) => {
      const rules = budget({ rpm: 300, tpm: 60_000 });
      let state = fullState();
      let now = NOW;
      for (const step of all) {
        now += step.after;
        const costs = step.costs.map(({ input, output }) => cost(input, output));
        const asked = request([rules], costs, { band });
        const { decision, state: next } = book(state, asked, now);
        state = next;
        if (decision.waitMs === null) continue;
        const rest = costs.slice(decision.starts.length);
        const again = request([rules], rest, { band, horizonMs: 0 });
        const then = now + decision.waitMs;
        assert.equal(book(state, again, then - 0.01).decision.starts.length, 0);
        assert.ok(book(state, again, then + 0.01).decision.starts.length > 0);
      }
    }),
  );
});
