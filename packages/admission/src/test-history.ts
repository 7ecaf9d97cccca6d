/** Random histories of what can happen to deployments `a`, `b` and `c`, for the test of equality. */
import type { Band, Cost } from '@sluice/budget';
import type { Outcome } from '@sluice/job';
import * as fc from 'fast-check';

export type Id = 'a' | 'b' | 'c';
export type Step = { after: number; id: Id } & (
  | { kind: 'book'; band: Band; costs: Cost[] }
  | { kind: 'settle'; n: number; outcome: Outcome; factor: number; known: boolean; took: number }
  | { kind: 'release'; n: number }
  | { kind: 'renew'; n: number }
  | {
      kind: 'refuse';
      limit: 'rpm' | 'otpm' | 'rpd' | 'concurrency' | null;
      retryAfterMs: number | null;
      tookMs: number;
      random: number;
      /** That many at the same moment. */
      times: number;
    }
  | { kind: 'observe'; dimension: 'rpm' | 'tpm' | 'otpm'; remaining: number }
  | { kind: 'restart' }
  | { kind: 'mark' }
  | { kind: 'hour'; before: number }
);

const anyCost: fc.Arbitrary<Cost> = fc.record({
  requests: fc.constant(1 as const),
  input: fc.oneof(fc.nat(300), fc.double({ min: 0, max: 3_000, noNaN: true })),
  output: fc.oneof(fc.nat(300), fc.double({ min: 0, max: 1_000, noNaN: true })),
  // In billionths of a dollar: smaller amounts are no money, and denormal numbers are read as 0 by Lua.
  usd: fc.integer({ min: 0, max: 300_000_000 }).map((billionths) => billionths / 1e9),
});

/** How much later, ms: mostly within a burst, at times hours. */
const later = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 5, arbitrary: fc.double({ min: 0, max: 400, noNaN: true }) },
  { weight: 3, arbitrary: fc.nat(20_000) },
  { weight: 2, arbitrary: fc.nat(5 * 3_600_000) },
  { weight: 1, arbitrary: fc.nat(40 * 3_600_000) },
);
const when = {
  after: later,
  id: fc.constantFrom<Id>('a', 'a', 'b', 'c'),
};

const booking = fc.record({
  ...when,
  kind: fc.constant('book' as const),
  band: fc.constantFrom<Band>('interactive', 'batch'),
  costs: fc.array(anyCost, { maxLength: 12 }),
});
const settling = fc.record({
  ...when,
  kind: fc.constant('settle' as const),
  n: fc.nat(8),
  outcome: fc.constantFrom<Outcome>('ok', 'ok', 'timeout', 'rate_limited', 'bad_request'),
  factor: fc.double({ min: 0, max: 4, noNaN: true }),
  known: fc.boolean(),
  took: fc.oneof(fc.nat(5_000), fc.nat(8_000_000)),
});
const other = fc.oneof(
  fc.record({ ...when, kind: fc.constant('release' as const), n: fc.nat(4) }),
  fc.record({ ...when, kind: fc.constant('renew' as const), n: fc.nat(9) }),
  fc.record({
    ...when,
    kind: fc.constant('refuse' as const),
    limit: fc.constantFrom('rpm', 'otpm', 'rpd', 'concurrency', null, null),
    retryAfterMs: fc.option(fc.oneof(fc.nat(2_000), fc.constant(86_400_000), fc.constant(1e12))),
    tookMs: fc.oneof(fc.nat(20), fc.nat(3_000)),
    random: fc.double({ min: 0, max: 0.99, noNaN: true }),
    times: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    ...when,
    kind: fc.constant('observe' as const),
    dimension: fc.constantFrom('rpm' as const, 'tpm' as const, 'otpm' as const),
    remaining: fc.nat(400),
  }),
  fc.record({ ...when, kind: fc.constant('restart' as const) }),
  fc.record({ ...when, kind: fc.constant('mark' as const) }),
  fc.record({ ...when, kind: fc.constant('hour' as const), before: fc.nat(400) }),
);
export const history: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof({ weight: 5, arbitrary: booking }, { weight: 3, arbitrary: settling }, other),
  { maxLength: 60, size: 'max' },
);
