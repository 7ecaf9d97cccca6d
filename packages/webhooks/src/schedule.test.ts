import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DELIVERY_DELAYS_MS, nextDeliveryAt } from './schedule.ts';

const middle = (): number => 0.5;

test('the waits of Standard Webhooks: at once, then seconds, minutes, hours, and an end', () => {
  const waits = DELIVERY_DELAYS_MS.map((_, attempt) =>
    nextDeliveryAt(attempt, 0, { random: middle }),
  );
  const seconds = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
  assert.deepEqual(
    waits,
    seconds.map((second) => second * 1_000),
  );
  assert.equal(nextDeliveryAt(10, 0, { random: middle }), null);
});

test('a wait varies by at most 10 %, and a receiver can only lengthen it, to a day at most', () => {
  const facts = fc.record({
    attempt: fc.nat({ max: 9 }),
    now: fc.nat(),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    asked: fc.option(fc.nat({ max: 10 * 86_400_000 })),
  });
  fc.assert(
    fc.property(facts, ({ attempt, now, random, asked }) => {
      const at = nextDeliveryAt(attempt, now, { random: () => random, retryAfterMs: asked });
      const wait = (at as number) - now;
      const delay = DELIVERY_DELAYS_MS[attempt] as number;
      assert.ok(wait >= delay * 0.9 - 1, `${wait} is too early for ${delay}`);
      assert.ok(wait >= Math.min(asked ?? 0, 86_400_000), `${wait} is before ${asked}`);
      assert.ok(wait <= Math.max(delay * 1.1 + 1, Math.min(asked ?? 0, 86_400_000)));
    }),
  );
});

test('a receiver that asks for time does not get more attempts', () => {
  assert.equal(nextDeliveryAt(1, 0, { random: middle, retryAfterMs: 1, delaysMs: [0] }), null);
});
