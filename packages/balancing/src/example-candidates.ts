/** Candidates and requests for the tests of this package, and generators of random ones. */
import type { RateDimension } from '@sluice/job';
import * as fc from 'fast-check';
import type { Asked, Candidate, CandidateState, Rate } from './candidate.ts';
import { type PoolNow } from './choose.ts';
import { DEFAULT_DEPTH } from './room.ts';
import { capacity } from './capacity.ts';
import { NO_MEMORY } from './strategy.ts';

export const candidate = (id: string, more: Partial<Candidate> = {}): Candidate => ({
  id,
  tier: 1,
  weight: 1,
  region: null,
  price: null,
  queued: 0,
  inFlight: 0,
  concurrency: null,
  rates: [],
  predictedMs: 1_000,
  errorRate: 0,
  state: 'active',
  ...more,
});

/** A rate as the config says it, per minute. */
export const perMinute = (
  dimension: RateDimension,
  limit: number,
  more: Partial<Rate> = {},
): Rate => ({ budget: 'own', dimension, perMs: limit / 60_000, aheadMs: 0, ...more });

export const asked = (more: Partial<Asked> = {}): Asked => ({
  cost: { requests: 1, input: 500, output: 500 },
  jobs: 1,
  band: 'batch',
  exclude: [],
  eligible: null,
  minTier: 1,
  maxTier: null,
  waitingSince: 0,
  ...more,
});

export const pool = (candidates: readonly Candidate[], more: Partial<PoolNow> = {}): PoolNow => ({
  candidates,
  strategy: capacity,
  memory: NO_MEMORY,
  spillAfterMs: null,
  depth: DEFAULT_DEPTH,
  ...more,
});

const STATES: CandidateState[] = ['active', 'draining', 'paused', 'blocked', 'broken', 'half_open'];

const anyRate: fc.Arbitrary<Rate> = fc.record(
  {
    budget: fc.constantFrom('own', 'org'),
    dimension: fc.constantFrom<RateDimension>('rpm', 'tpm', 'itpm', 'otpm', 'rpd', 'tpd'),
    perMs: fc.constantFrom(0, 0.001, 0.05, 2, 400),
    aheadMs: fc.constantFrom(0, 10, 999, 1_000, 5_000),
  },
  { noNullPrototype: true },
);

const anyCandidate = fc.record({
  tier: fc.integer({ min: 1, max: 3 }),
  weight: fc.constantFrom(0, 1, 3),
  queued: fc.constantFrom(0, 1, 40, 3_000),
  inFlight: fc.constantFrom(0, 2, 32),
  concurrency: fc.constantFrom(null, 1, 32),
  sharedSlots: fc.constantFrom([], [{ budget: 'org', limit: 8, taken: 3 }]),
  rates: fc.array(anyRate, { maxLength: 3 }),
  predictedMs: fc.constantFrom(null, 5, 4_000),
  speed: fc.constantFrom(null, 0.5, 1, 30),
  errorRate: fc.constantFrom(0, 0.3, 1),
  region: fc.constantFrom(null, 'near', 'far'),
  price: fc.constantFrom(null, { input: 0, output: 0 }, { input: 1, output: 5 }),
  state: fc.oneof(fc.constant<CandidateState>('active'), fc.constantFrom(...STATES)),
  probe: fc.constantFrom<'batch' | 'any'>('batch', 'any'),
});

/** Up to eight deployments, `d0`, `d1`, … of every kind. */
export const anyCandidates: fc.Arbitrary<Candidate[]> = fc
  .array(anyCandidate, { maxLength: 8 })
  .map((list) => list.map((more, index) => candidate(`d${index}`, more)));

const anyIds = fc.subarray(['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7']);

export const anyAsked: fc.Arbitrary<Asked> = fc.record(
  {
    cost: fc.record(
      {
        requests: fc.constant(1),
        input: fc.constantFrom(1, 700, 90_000),
        output: fc.constantFrom(0, 300),
      },
      { noNullPrototype: true },
    ),
    jobs: fc.integer({ min: 1, max: 100 }),
    band: fc.constantFrom<Asked['band']>('interactive', 'overdue', 'batch'),
    exclude: anyIds,
    eligible: fc.option(anyIds.map((ids) => new Set(ids))),
    minTier: fc.integer({ min: 1, max: 4 }),
    maxTier: fc.option(fc.integer({ min: 1, max: 3 })),
    waitingSince: fc.constantFrom(0, 9_000),
    affinityKey: fc.constantFrom(null, 'user:1', 'user:2'),
    lot: fc.constantFrom(0, 0.4, 0.7, 0.999),
    prefixKey: fc.constantFrom(null, 'a prompt'),
    deadlineInMs: fc.constantFrom(null, -5, 0, 2_000, 3_600_000),
    predictedMsFor: fc.constantFrom(
      new Map(),
      new Map([
        ['d0', 300],
        ['d1', 90_000],
      ]),
    ),
  },
  { noNullPrototype: true },
);
