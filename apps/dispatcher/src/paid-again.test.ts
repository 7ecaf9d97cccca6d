import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ceilingAfter, ceilingOf, linesPaid, moneyOf } from './ceiling.ts';
import type { Ceiling } from './ceiling.ts';
import { noteFed, noteLeft } from './fed-lines.ts';
import { NOWHERE, paidAgain } from './paid-again.ts';

const ceilingWith = (maxCostUsd: number, costUsd = 0): Ceiling =>
  ceilingOf({ maxCostUsd, costUsd, completed: 0, failed: 0, fed: 0 }) ?? assert.fail();

const PLACES = [
  { id: 'dear', mostUsd: 0.5 },
  { id: 'cheap', mostUsd: 0.1 },
];

test('at a dearer place the difference must be left', () => {
  const one = ceilingWith(1);
  noteFed(one.fed, 'cheap', 0.1, 5);
  const again = { lines: 1, from: 'cheap', places: PLACES };
  const among = (of: Ceiling, over = {}): string[] => [
    ...paidAgain(of, { fed: 5, waits: 1, mostUsd: 0.5 }, { ...again, ...over }).among,
  ];
  assert.deepEqual(among(one), ['dear', 'cheap'], '0.9 USD of 1');
  assert.deepEqual(among({ ...one, spentUsd: 0.2 }), ['cheap']);
  assert.deepEqual(among(one, { lines: 2 }), ['cheap'], 'lines go together');
  assert.deepEqual(among({ ...one, spentUsd: 1 }), [], 'nothing is left');
});

test('at a cheaper place less is kept for it, where it is known where it was', () => {
  const one = ceilingWith(1);
  noteFed(one.fed, 'dear', 0.5, 2);
  noteFed(one.fed, 'cheap', 0.1);
  noteLeft(one.fed, 'dear', 1);
  assert.ok(Math.abs(moneyOf(one, { fed: 2 }, 0.5).out.usd - 0.6) < 1e-9);
});

test('what alone is not done passes the ceiling, where it is cheapest', () => {
  const one = ceilingWith(0.05);
  noteFed(one.fed, 'cheap', 0.1, 2);
  const again = { lines: 1, from: '', places: PLACES };
  const passing = (waits: number) => paidAgain(one, { fed: 2, waits, mostUsd: 0.5 }, again).passing;
  assert.deepEqual([passing(1), passing(2)], [[], ['cheap', 'dear']]);
});

test('lines that travel together do not pass it together: they are placed one by one', () => {
  const one = ceilingWith(0.25);
  noteFed(one.fed, 'cheap', 0.1, 4);
  const again = { lines: 3, from: 'cheap', places: PLACES };
  const about = { fed: 4, mostUsd: 0.5 };
  const waits = (lines: number) => paidAgain(one, { ...about, waits: lines }, again);
  assert.deepEqual(waits(3), NOWHERE, 'another is under way');
  assert.deepEqual(waits(4), { ...NOWHERE, splits: true });
  const enough = paidAgain({ ...one, usd: 0.45 }, { ...about, waits: 3 }, again);
  assert.deepEqual([[...enough.among], enough.splits], [['cheap'], false]);
});

/** Prices at most, in cents, of a line at each of three deployments. */
const PRICES = [1, 7, 50];
const ALL = PRICES.map((mostUsd, i) => ({ id: `d${i}`, mostUsd }));

interface Line {
  at: number;
}

/** Whole numbers from 0, below what is asked for. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What a batch has cost in the end whose lines are fed and, where they come back, placed again elsewhere, by chance. */
function spentBy(usd: number, seed: number): number {
  let [now, spent, fed, failed] = [ceilingWith(usd), 0, 0, 0];
  const answered: Record<string, number> = {};
  const out: Line[] = [];
  const waiting: (Line & { from: string })[] = [];
  const pick = numbersFrom(seed);
  const feed = (): void => {
    const at = pick(3);
    const most = PRICES[at] as number;
    const { leftUsd, out: kept, isFirst } = moneyOf(now, { fed }, 50);
    if (linesPaid(leftUsd - kept.usd, [most]) === 0 && !(isFirst && leftUsd > 0)) return;
    fed += 1;
    noteFed(now.fed, `d${at}`, most);
    out.push({ at });
  };
  const again = (): void => {
    const line = waiting.shift();
    if (!line) return;
    const about = { fed, waits: waiting.length + 1, mostUsd: 50 };
    const { among, passing } = paidAgain(now, about, { lines: 1, from: line.from, places: ALL });
    const to = [...among][pick(Math.max(1, among.size))] ?? passing[0];
    if (to === undefined) return void waiting.push(line);
    const at = Number(to.slice(1));
    noteFed(now.fed, to, PRICES[at] as number);
    if (line.from !== '') noteLeft(now.fed, line.from, 1);
    out.push({ at });
  };
  const end = (): void => {
    const [line] = out.splice(pick(Math.max(1, out.length)), 1);
    if (!line) return;
    const id = `d${line.at}`;
    if (pick(3) === 0) return void waiting.push({ ...line, from: pick(2) ? id : '' });
    if (pick(7) === 0) return void (failed += 1);
    spent += 1 + pick(PRICES[line.at] as number);
    answered[id] = (answered[id] ?? 0) + 1;
  };
  const look = (): void => {
    const completed = fed - failed - out.length - waiting.length;
    const record = { maxCostUsd: usd, costUsd: spent, completed, failed, fed };
    now = ceilingAfter(now, { ...record, byDeployment: { ...answered } }) ?? assert.fail();
  };
  for (let turns = 0; now.spentUsd < now.usd; turns += 1) {
    assert.ok(turns < 20_000, 'it comes to its ceiling');
    for (let n = 0; n <= pick(4); n += 1) feed();
    for (let n = 0; n <= pick(3); n += 1) again();
    for (let n = 0; n <= pick(4); n += 1) end();
    if (pick(2) === 0 || out.length === 0) look();
  }
  return spent + out.reduce((sum, { at }) => sum + (PRICES[at] as number), 0);
}

test('lines that are placed again, however often, take a batch above its ceiling by one line at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.nat(), (usd, seed) => {
      const spent = spentBy(usd, seed);
      assert.ok(spent < usd + Math.max(...PRICES), `${spent} of ${usd}`);
    }),
  );
});
