import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ceilingAfter, ceilingOf, linesPaid, moneyOf } from './ceiling.ts';
import type { Ceiling } from './ceiling.ts';
import { noteFed } from './fed-lines.ts';

const stored = (
  maxCostUsd: number,
  over: { costUsd?: number; completed?: number; fed?: number } = {},
) => ({ maxCostUsd, costUsd: 0, completed: 0, failed: 0, fed: 0, ...over });

const ceiling = (...args: Parameters<typeof stored>): Ceiling =>
  ceilingOf(stored(...args)) ?? assert.fail();

const freeUsd = (of: Ceiling, fed: number, mostUsd = 1): number => {
  const { leftUsd, out } = moneyOf(of, { fed }, mostUsd);
  return leftUsd - out.usd;
};

describe('what is left', () => {
  test('is less what lines under way cost at most where they went', () => {
    const one = ceiling(1);
    noteFed(one.fed, 'cheap', 0.01, 20);
    noteFed(one.fed, 'dear', 0.2);
    assert.ok(Math.abs(freeUsd(one, 21) - 0.6) < 1e-9);
  });

  test('of those of which nobody knows where they went, what the dearest costs', () => {
    assert.ok(Math.abs(freeUsd(ceiling(1, { fed: 3, completed: 1 }), 3, 0.3) - 0.4) < 1e-9);
  });

  test('counts those that ended where they were answered, and otherwise the dearest as under way', () => {
    const one = ceiling(1);
    noteFed(one.fed, 'cheap', 0.01, 20);
    noteFed(one.fed, 'dear', 0.2);
    const after = { ...stored(1, { completed: 1 }), fed: 21 };
    const byDear = ceilingAfter(one, { ...after, byDeployment: { dear: 1 } }) ?? assert.fail();
    assert.ok(Math.abs(freeUsd(byDear, 21) - 0.8) < 1e-9);
    const failed = { ...after, completed: 0, failed: 1, byDeployment: {} };
    assert.ok(Math.abs(freeUsd(ceilingAfter(one, failed) ?? assert.fail(), 21) - 0.61) < 1e-9);
  });
});

test('lines are paid for one after the other', () => {
  assert.equal(linesPaid(0.3, [0.1, 0.1, 0.1, 0.1]), 3);
  assert.equal(linesPaid(-1, [0]), 0);
});

/** Prices at most, in cents, of a line at each of three deployments. */
const PRICES = [1, 7, 50];

interface Line {
  deployment: string;
  most: number;
}

/** What a batch has cost in the end, fed as often as possible where `picks` say, and looked up at every third end. */
function spentBy(usd: number, picks: readonly number[], ends: readonly number[]): number {
  let now = ceiling(usd);
  const answered: Record<string, number> = {};
  const out: Line[] = [];
  let [spent, fed, failed, ended, round] = [0, 0, 0, 0, 0];
  const pick = (from: readonly number[]): number => from[(round + fed) % from.length] as number;
  const feed = (): void => {
    for (let tries = 0; tries < 100; tries += 1) {
      const at = (pick(picks) + tries) % PRICES.length;
      const most = PRICES[at] as number;
      const money = moneyOf(now, { fed }, Math.max(...PRICES));
      const isPaid = linesPaid(money.leftUsd - money.out.usd, [most]) > 0;
      if (!isPaid && !(money.isFirst && money.leftUsd > 0)) continue;
      fed += 1;
      noteFed(now.fed, `d${at}`, most);
      out.push({ deployment: `d${at}`, most });
    }
  };
  for (; now.spentUsd < now.usd; round += 1) {
    feed();
    assert.ok(out.length > 0, 'it goes on');
    for (let n = 0; n <= pick(ends) % 5 && out.length > 0; n += 1) {
      const [line] = out.splice(pick(ends) % out.length, 1) as [Line];
      // One in seven fails, and costs nothing.
      ended += 1;
      if (ended % 7 === 6) failed += 1;
      else {
        spent += 1 + (pick(picks) % line.most);
        answered[line.deployment] = (answered[line.deployment] ?? 0) + 1;
      }
    }
    if (round % 3 !== 2 && out.length > 0) continue;
    const completed = fed - failed - out.length;
    const record = { maxCostUsd: usd, costUsd: spent, completed, failed, fed };
    now = ceilingAfter(now, { ...record, byDeployment: { ...answered } }) ?? assert.fail();
  }
  return spent + out.reduce((sum, { most }) => sum + most, 0);
}

test('a batch comes to its ceiling, and passes it by one line at most, wherever lines go and however late its cost is looked up', () => {
  const some = fc.array(fc.nat(200), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), some, some, (usd, picks, ends) => {
      const spent = spentBy(usd, picks, ends);
      assert.ok(spent < usd + Math.max(...PRICES), `${spent} of ${usd}`);
    }),
  );
});
