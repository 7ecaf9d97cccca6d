/** What every strategy must keep, whatever it prefers. A new strategy passes by being in the registry. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import type { Asked, Candidate } from './candidate.ts';
import { type Choice, choose } from './choose.ts';
import { exampleStrategies } from './example-strategies.ts';
import {
  anyAsked,
  anyCandidates,
  asked,
  candidate,
  perMinute,
  pool,
} from './example-candidates.ts';
import { spokenForMs } from './load.ts';
import { DEFAULT_DEPTH, depthFor, room } from './room.ts';
import { STRATEGY_KINDS } from './strategies.ts';
import type { Memory, Strategy } from './strategy.ts';

const remembering = (figures: Record<string, number>): Memory => ({
  places: new Map(Object.keys(figures).map((id, place) => [id, place])),
  ids: Object.keys(figures),
  figures: Object.values(figures),
});

const anyMemory: fc.Arbitrary<Memory> = fc
  .dictionary(
    fc.constantFrom('d0', 'd1', 'd2', 'd3', 'gone'),
    fc.double({ min: -2, max: 2, noNaN: true }),
  )
  .map(remembering);

type Case = { request: Asked; candidates: Candidate[]; memory: Memory; seed: number };
const anyCase: fc.Arbitrary<Case> = fc.record(
  {
    request: anyAsked,
    candidates: anyCandidates,
    memory: anyMemory,
    seed: fc.integer(),
  },
  { noNullPrototype: true },
);

function run(strategy: Strategy, { request, candidates, memory, seed }: Case): Choice {
  const now = { ...pool(candidates), strategy, memory };
  return choose(request, now, { now: 10_000, random: seededRandom(seed) });
}

/** The same where its caller has kept what one job costs each, and how far each would be spoken for with it. */
function runKept(strategy: Strategy, { request, candidates, ...rest }: Case): Choice {
  const costsAt = candidates.map(() => request.cost);
  const spokenForAt = candidates.map((each) => spokenForMs(each, request.cost));
  const placed = candidates.map((each, at) => ({ ...each, at }));
  return run(strategy, {
    request: { ...request, costsAt, spokenForAt },
    candidates: placed,
    ...rest,
  });
}

/** Whether the strategy lets the job go there at all. */
const mayHave = ({ keeping }: Strategy, request: Asked, id: string): boolean =>
  keeping === undefined || [keeping.armFor(request), null].includes(keeping.armOf(id));

function holds(strategy: Strategy, check: (example: Case, choice: Choice) => void): void {
  fc.assert(
    fc.property(anyCase, (example) => check(example, run(strategy, example))),
    { numRuns: 1_000 },
  );
}

/** Runs the check on placements only, and makes sure there were enough of them to mean something. */
function placementsHold(
  strategy: Strategy,
  check: (example: Case, picked: Candidate, choice: Extract<Choice, { kind: 'place' }>) => void,
): void {
  let placements = 0;
  holds(strategy, (example, choice) => {
    if (choice.kind !== 'place') return;
    placements += 1;
    const picked = example.candidates.find(({ id }) => id === choice.deployment);
    assert.ok(picked);
    check(example, picked, choice);
  });
  assert.ok(placements > 50, `only ${placements} placements among the examples`);
}

const EXAMPLES = exampleStrategies(['d0', 'd1', 'd2']);

test('every kind of strategy goes through the suite', () => {
  const names = new Set(EXAMPLES.map(({ strategy }) => strategy.name));
  assert.deepEqual(
    [...names],
    STRATEGY_KINDS.map(({ name }) => name),
  );
});

for (const { title, strategy } of EXAMPLES) {
  describe(`strategy ${title}`, () => {
    test('gives nothing to weight 0, the ineligible, or who is not to be given work', () => {
      placementsHold(strategy, ({ request }, picked) => {
        assert.ok(picked.weight > 0);
        assert.ok(['active', 'half_open'].includes(picked.state), picked.state);
        assert.ok(request.eligible === null || request.eligible.has(picked.id));
        assert.ok(request.maxTier === null || picked.tier <= request.maxTier);
        assert.ok(mayHave(strategy, request, picked.id));
      });
    });

    test('decides alike where costs, and how far limits are spoken for, are kept', () => {
      holds(strategy, (example, choice) => {
        assert.deepEqual(runKept(strategy, example), choice);
      });
    });

    test('places no more than there is room for, and at least one', () => {
      placementsHold(strategy, ({ request }, picked, { jobs }) => {
        const depth = depthFor(request.band, DEFAULT_DEPTH);
        assert.ok(jobs >= 1 && jobs <= Math.min(32, request.jobs));
        assert.ok(jobs <= room(picked, request.cost, depth));
        if (picked.state === 'half_open') {
          assert.equal(jobs, 1);
          assert.equal(picked.queued + picked.inFlight, 0);
        }
      });
    });

    test('goes where the job has failed only when its tier has no other active deployment', () => {
      placementsHold(strategy, ({ request, candidates }, picked) => {
        const sameTier = candidates.filter(
          ({ id, tier, weight, state }) =>
            tier === picked.tier &&
            weight > 0 &&
            state === 'active' &&
            mayHave(strategy, request, id) &&
            (request.eligible === null || request.eligible.has(id)),
        );
        const others = sameTier.filter(({ id }) => !request.exclude.includes(id));
        if (request.exclude.includes(picked.id)) assert.deepEqual(others, []);
      });
    });

    test('leaves a tier only when none of its deployments is active', () => {
      placementsHold(strategy, ({ request, candidates }, picked) => {
        const passedOver = candidates.filter(
          ({ id, tier, weight, state }) =>
            state === 'active' &&
            weight > 0 &&
            mayHave(strategy, request, id) &&
            (request.eligible === null || request.eligible.has(id)) &&
            tier >= request.minTier &&
            (request.maxTier === null || tier <= request.maxTier) &&
            (tier < picked.tier || picked.tier < request.minTier),
        );
        assert.deepEqual(passedOver, []);
      });
    });

    test('decides the same again from the same inputs, and changes none of them', () => {
      holds(strategy, (example, choice) => {
        const before = structuredClone(example);
        assert.deepEqual(run(strategy, example), choice);
        assert.deepEqual(example, before);
      });
    });

    test('says when to ask again, within a minute', () => {
      holds(strategy, (_example, choice) => {
        if (choice.kind === 'wait')
          assert.ok(choice.retryInMs >= 1 && choice.retryInMs <= 60_000, `${choice.retryInMs}`);
      });
    });

    test('works on with the memory of a pool that had other deployments', () => {
      const candidates = [candidate('new'), candidate('old')];
      const memory = remembering({ old: -3, gone: 8 });
      const random = seededRandom(1);
      const choice = choose(asked(), pool(candidates, { strategy, memory }), { now: 0, random });
      assert.equal(choice.kind, 'place');
    });

    test('never waits while someone in the tier has room', () => {
      const full = candidate('full', { rates: [perMinute('rpm', 60, { aheadMs: 9_000 })] });
      const free = candidate('free', { rates: [perMinute('rpm', 60)] });
      const memory = remembering({ full: 5, free: -5 });
      const random = seededRandom(1);
      const choice = choose(asked(), pool([full, free], { strategy, memory }), { now: 0, random });
      assert.ok(choice.kind === 'place' && choice.deployment === 'free');
    });
  });
}
