import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { msOf } from './candidate.ts';
import { anyAsked, anyCandidates, asked, candidate, perMinute } from './example-candidates.ts';
import { spokenForMs } from './load.ts';
import { DEFAULT_DEPTH, chunkSize, depthFor, hasRoom, hasRoomFor, room } from './room.ts';

const { cost } = asked();
const roomOf = (more: Parameters<typeof candidate>[1]): number =>
  room(candidate('a', more), cost, DEFAULT_DEPTH);
const chunkOf = (more: Parameters<typeof candidate>[1]): number =>
  chunkSize(candidate('a', more), cost, DEFAULT_DEPTH);

describe('room', () => {
  test('is a second of the rate, less what is ahead', () => {
    assert.equal(roomOf({ rates: [perMinute('rpm', 1_200)] }), 20);
    assert.equal(roomOf({ rates: [perMinute('rpm', 1_200, { aheadMs: 500 })] }), 10);
    assert.equal(roomOf({ rates: [perMinute('rpm', 1_200, { aheadMs: 1_000 })] }), 0);
  });

  test('is at least one job, however slow the limit, and no more than that', () => {
    assert.equal(roomOf({ rates: [perMinute('rpm', 6)] }), 1);
    assert.equal(roomOf({ rates: [perMinute('rpm', 6, { aheadMs: 10_000 })] }), 0);
  });

  test('is set by the scarcest of the limits the job draws on', () => {
    const rates = [perMinute('rpm', 6_000), perMinute('tpm', 300_000), perMinute('itpm', 6e6)];
    assert.equal(roomOf({ rates }), 5);
    const free = { requests: 1, input: 500, output: 0 };
    const output = candidate('a', { rates: [perMinute('otpm', 1, { aheadMs: 9_999 })] });
    assert.equal(room(output, free, DEFAULT_DEPTH), 1_000, 'a limit it draws nothing from');
  });

  test('for slots is what is free, and what they get through in a second', () => {
    assert.equal(roomOf({ concurrency: 8, predictedMs: 2_000 }), 12);
    assert.equal(roomOf({ concurrency: 8, predictedMs: 2_000, inFlight: 8, queued: 3 }), 1);
    assert.equal(roomOf({ concurrency: 8, predictedMs: 60_000, inFlight: 8, queued: 1 }), 0);
    assert.equal(roomOf({ concurrency: 8, predictedMs: null }), 16, 'a second is assumed');
    assert.equal(roomOf({ concurrency: 0 }), 0);
  });

  test('for slots shared with others counts what they took', () => {
    const sharedSlots = [{ budget: 'org', limit: 10, taken: 14 }];
    assert.equal(roomOf({ sharedSlots, predictedMs: 2_000 }), 1);
  });

  test('without any limit is bounded in jobs not started', () => {
    assert.equal(roomOf({ queued: 990, inFlight: 5_000 }), 10);
    assert.equal(roomOf({ queued: 1_000 }), 0);
  });

  test('for interactive jobs goes on where batch work has filled it', () => {
    const full = candidate('a', { rates: [perMinute('rpm', 600, { aheadMs: 1_000 })] });
    assert.equal(room(full, cost, depthFor('interactive', DEFAULT_DEPTH)), 10);
  });

  test('is there for one job exactly when it is above 0', () => {
    fc.assert(
      fc.property(anyCandidates, anyAsked, (candidates, request) => {
        for (const each of candidates)
          assert.equal(
            hasRoom(each, request.cost, DEFAULT_DEPTH),
            room(each, request.cost, DEFAULT_DEPTH) > 0,
          );
      }),
    );
  });

  test('is there as well where it is kept how far one would be spoken for, whatever is taken of what it shares', () => {
    const anySlots = fc.array(
      fc.record({
        budget: fc.constant('org'),
        limit: fc.constantFrom(0, 1, 8, 5_000),
        taken: fc.constantFrom(0, 7, 8, 9, 16, 1_007, 1_008, 1_009, 5_999, 6_000),
      }),
      { maxLength: 2 },
    );
    fc.assert(
      fc.property(anyCandidates, anyAsked, anySlots, (candidates, request, sharedSlots) => {
        for (const one of candidates) {
          const each = { ...one, sharedSlots, at: 0 };
          const kept = { costsAt: [request.cost], spokenForAt: [spokenForMs(each, request.cost)] };
          assert.equal(
            hasRoomFor({ ...request, ...kept }, each, DEFAULT_DEPTH),
            room(each, request.cost, DEFAULT_DEPTH) > 0,
          );
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('never lets a rate be spoken for beyond the depth by more than one job', () => {
    fc.assert(
      fc.property(anyCandidates, anyAsked, (candidates, request) => {
        for (const each of candidates) {
          const jobs = room(each, request.cost, DEFAULT_DEPTH);
          if (jobs === 0) continue;
          for (const rate of each.rates) {
            const one = msOf(request.cost, rate);
            const after = rate.aheadMs + jobs * one;
            const most = Math.max(DEFAULT_DEPTH.depthMs, rate.aheadMs + one);
            if (one > 0) assert.ok(after <= most * (1 + 1e-12), `${after} > ${most}`);
          }
        }
      }),
    );
  });
});

describe('a chunk', () => {
  test('is 100 ms of work, at most 32 jobs, at least one', () => {
    assert.equal(chunkOf({ rates: [perMinute('rpm', 6_000)] }), 10);
    assert.equal(chunkOf({ rates: [perMinute('rpm', 600_000)] }), 32);
    assert.equal(chunkOf({ rates: [perMinute('rpm', 60)] }), 1);
    assert.equal(chunkOf({}), 32);
  });

  test('is no more than the room left', () => {
    assert.equal(chunkOf({ rates: [perMinute('rpm', 6_000, { aheadMs: 960 })] }), 4);
    assert.equal(chunkOf({ queued: 995 }), 5);
  });

  test('is no more than the slots get through', () => {
    assert.equal(chunkOf({ concurrency: 100, predictedMs: 500 }), 20);
    assert.equal(chunkOf({ concurrency: 8, predictedMs: 5_000 }), 1);
  });

  test('is one job where a deployment is being tried', () => {
    assert.equal(chunkOf({ state: 'half_open' }), 1);
  });
});
