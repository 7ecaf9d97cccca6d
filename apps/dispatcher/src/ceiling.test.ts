import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { linesAffordable } from './ceiling.ts';

test('no ceiling, or no price: any number', () => {
  assert.equal(linesAffordable({ ceiling: null, fed: 5 }, 1), Infinity);
  const ceiling = { usd: 1, spentUsd: 0, recorded: 0 };
  assert.equal(linesAffordable({ ceiling, fed: 5 }, 0), Infinity);
});

test('spent is spent', () => {
  const ceiling = { usd: 1, spentUsd: 1, recorded: 7 };
  assert.equal(linesAffordable({ ceiling, fed: 7 }, 0.1), 0);
});

test('a batch comes to its ceiling, and passes it by one line at most, however late its cost is looked up', () => {
  const rounds = fc.array(fc.nat(50), { minLength: 1, maxLength: 40 });
  const cents = fc.integer({ min: 1, max: 2_000 });
  fc.assert(
    fc.property(cents, fc.integer({ min: 1, max: 50 }), rounds, (ceilingCents, most, ends) => {
      const ceiling = { usd: ceilingCents, spentUsd: 0, recorded: 0 };
      const batch = { ceiling, fed: 0 };
      let [spent, recorded, i] = [0, 0, 0];
      while (ceiling.spentUsd < ceiling.usd) {
        batch.fed += linesAffordable(batch, most);
        // Some of what is under way ends, the first of it always; each at a price of its own.
        const ended = Math.min(batch.fed - recorded, 1 + (ends[i % ends.length] as number));
        assert.ok(ended > 0, 'it goes on');
        for (let n = 0; n < ended; n += 1) spent += 1 + ((recorded + n) % most);
        recorded += ended;
        i += 1;
        if (i % 3 !== 0 && recorded < batch.fed) continue;
        Object.assign(ceiling, { spentUsd: spent, recorded });
      }
      const underWay = batch.fed - recorded;
      assert.ok(spent + underWay * most < ceiling.usd + most, `${spent} of ${ceiling.usd}`);
    }),
  );
});
