import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrive, hold, leave, release, setUrgent } from './arrive.ts';
import { admitted, nextTurn, settled } from './next-turn.ts';
import type { Room, Turn } from './next-turn.ts';
import { TURN_SETTINGS, createTurns, setWeight, standingOf } from './turns.ts';
import type { Item, Turns } from './turns.ts';

const item = (id: string, more: Partial<Item> = {}): Item => ({
  id,
  tenant: 'a',
  band: 'normal',
  lane: 'fast',
  deadlineAt: 1_000,
  ...more,
});

/** Ids in the order of their turns; batches (ids in capitals) are never used up. */
function take(turns: Turns, count: number, cost = 100, room?: (turn: Turn) => Room): string[] {
  const taken: string[] = [];
  while (taken.length < count) {
    const turn = nextTurn(turns, room ?? (() => 'yes'));
    if (!turn) break;
    const { id } = turn.item;
    taken.push(id);
    admitted(turns, turn, { costMs: cost, finished: id !== id.toUpperCase() });
  }
  return taken;
}

const shareOf = (id: string, taken: string[]): number =>
  taken.filter((one) => one === id).length / taken.length;

function waiting(...items: Item[]): Turns {
  const turns = createTurns();
  for (const one of items) arrive(turns, one);
  return turns;
}

test('bands go one before the other; in a tenant the earliest deadline, then the oldest', () => {
  const turns = waiting(
    item('low', { band: 'low', deadlineAt: 1 }),
    item('late', { deadlineAt: 2_000 }),
    item('first'),
    item('second'),
    item('early', { deadlineAt: 500 }),
    item('now', { band: 'interactive' }),
  );
  assert.deepEqual(take(turns, 9), ['now', 'early', 'first', 'second', 'late', 'low']);
});

test('tenants take turns by weight, also with a batch against single jobs', () => {
  const turns = waiting(item('A'), ...'pqrstu'.split('').map((id) => item(id, { tenant: 'b' })));
  setWeight(turns, 'a', 2);
  assert.deepEqual(take(turns, 9), ['A', 'p', 'A', 'q', 'A', 'A', 'r', 'A', 'A']);
});

test('who comes back begins where the others stand: idle time is not banked', () => {
  const turns = waiting(item('A'), item('b', { tenant: 'b' }));
  take(turns, 1_000);
  for (const id of ['p', 'q', 'r']) arrive(turns, item(id, { tenant: 'b' }));
  assert.deepEqual(take(turns, 6), ['p', 'A', 'q', 'A', 'r', 'A']);
});

test('who comes when nobody waits begins where the work stands', () => {
  const turns = waiting(...Array.from({ length: 50 }, (_, i) => item(`a${i}`)));
  take(turns, 50);
  for (const id of ['p', 'q', 'r']) arrive(turns, item(id, { tenant: 'b' }));
  for (const id of ['x', 'y', 'z']) arrive(turns, item(id));
  assert.deepEqual(take(turns, 6), ['p', 'x', 'q', 'y', 'r', 'z']);
});

test('who finds no room is passed over and keeps its turn', () => {
  const turns = waiting(item('A', { lane: 'slow' }), item('B', { tenant: 'b' }));
  const asked: string[] = [];
  const full = (turn: Turn): Room => {
    asked.push(turn.item.id);
    return turn.item.lane === 'slow' ? 'lane_full' : 'yes';
  };
  assert.deepEqual(take(turns, 3, 100, full), ['B', 'B', 'B']);
  assert.deepEqual(take(turns, 5), ['A', 'A', 'A', 'B', 'A']);
});

test('no turn when nothing has room; each lane is asked once', () => {
  const turns = waiting(
    ...Array.from({ length: 100 }, (_, i) =>
      item(`i${i}`, { tenant: `t${i}`, lane: i % 2 === 0 ? 'fast' : 'slow' }),
    ),
  );
  let asked = 0;
  const turn = nextTurn(turns, () => ((asked += 1), 'lane_full'));
  assert.deepEqual([turn, asked], [null, 2]);
});

test('an item that alone has no room does not hold up other tenants in its lane', () => {
  const turns = waiting(item('odd'), item('b', { tenant: 'b' }), item('c', { tenant: 'c' }));
  const turn = nextTurn(turns, ({ item: { id } }) => (id === 'c' ? 'yes' : 'not_this_one'));
  assert.equal(turn?.item.id, 'c');
});

test('a held tenant has no turn; released, it makes up nothing', () => {
  const turns = waiting(item('A'), item('B', { tenant: 'b' }));
  hold(turns, 'a');
  hold(turns, 'a');
  assert.deepEqual(take(turns, 20), Array(20).fill('B'));
  arrive(turns, item('early', { deadlineAt: 1 }));
  arrive(turns, item('other', { lane: 'slow' }));
  leave(turns, 'other');
  assert.deepEqual(take(turns, 1), ['B']);
  release(turns, 'a');
  release(turns, 'a');
  assert.deepEqual(take(turns, 4), ['early', 'B', 'A', 'B']);
  hold(turns, 'b');
  leave(turns, 'B');
  release(turns, 'b');
  assert.deepEqual(take(turns, 2), ['A', 'A']);
});

test('what turned out dearer is paid with later turns, what turned out cheaper given back', () => {
  const turns = waiting(item('A'), item('B', { tenant: 'b' }));
  take(turns, 2);
  settled(turns, { tenant: 'a', band: 'normal' }, 300);
  assert.deepEqual(take(turns, 4), ['B', 'B', 'B', 'A']);
  settled(turns, { tenant: 'b', band: 'normal' }, -300);
  assert.deepEqual(take(turns, 3), ['B', 'B', 'B']);
});

test('batches of a tenant do not hold up its interactive jobs', () => {
  const turns = waiting(item('A', { band: 'low' }));
  take(turns, 100);
  for (const id of ['p', 'q']) arrive(turns, item(id, { band: 'interactive' }));
  for (const id of ['x', 'y']) arrive(turns, item(id, { tenant: 'b', band: 'interactive' }));
  assert.deepEqual(take(turns, 4), ['p', 'x', 'q', 'y']);
});

test('a band that is passed over has one turn in each of its patiences', () => {
  const turns = waiting(
    item('I', { band: 'interactive' }),
    item('N', { band: 'normal' }),
    item('L', { band: 'low' }),
  );
  const taken = take(turns, 10_000, 100).join('');
  // 1,000 s of work: one item of normal in 10 s of it, one of low in 20 s.
  assert.equal(taken.split('N').length - 1, 98);
  assert.equal(taken.split('L').length - 1, 49);
  assert.match(taken, /^I{101}N/);
});

test('an overdue turn says so', () => {
  const turns = waiting(item('I', { band: 'interactive' }), item('L', { band: 'low' }));
  take(turns, 250, 100, ({ band }) => (band === 'low' ? 'lane_full' : 'yes'));
  const seen: [string, boolean][] = [];
  nextTurn(turns, ({ item: { id }, overdue }) => {
    seen.push([id, overdue]);
    return 'lane_full';
  });
  assert.deepEqual(seen, [
    ['L', true],
    ['I', false],
  ]);
});

test('an urgent batch goes first in its tenant, and ahead of its share up to a lead', () => {
  const turns = waiting(
    item('A', { band: 'low', deadlineAt: 1 }),
    item('U', { band: 'low', tenant: 'a' }),
    item('B', { band: 'low', tenant: 'b' }),
  );
  setUrgent(turns, 'U', true);
  setUrgent(turns, 'U', true);
  const lead = TURN_SETTINGS.urgentLeadMs / 100;
  const taken = take(turns, lead + 20, 100, ({ overdue }) => (overdue ? 'lane_full' : 'yes'));
  const [urgent, others] = ['U', 'B'].map((id) => taken.filter((one) => one === id).length);
  assert.deepEqual([urgent, others], [lead + 10, 10]);
  setUrgent(turns, 'U', false);
  const after = take(turns, 10, 100, ({ overdue }) => (overdue ? 'lane_full' : 'yes'));
  assert.deepEqual(after, Array(10).fill('B'));
});

test('lines that were placed before go before those that their batch has not begun, whatever lane they are in', () => {
  const turns = waiting(
    item('LINES', { band: 'low', lane: 'lines' }),
    item('B', { band: 'low', lane: 'lines', tenant: 'b' }),
  );
  assert.deepEqual(take(turns, 2), ['LINES', 'B']);
  for (const id of ['one', 'two'])
    arrive(turns, item(id, { band: 'low', lane: 'lines not sick', again: true }));
  assert.deepEqual(take(turns, 6), ['one', 'B', 'two', 'B', 'LINES', 'B']);
});

test('beside an urgent batch of its tenant they have its lead, as long as it is urgent', () => {
  const turns = waiting(
    item('B', { band: 'low', tenant: 'b' }),
    item('U', { band: 'low', lane: 'lines' }),
  );
  const failed = item('failed', { band: 'low', lane: 'lines not sick', again: true });
  take(turns, 2);
  setUrgent(turns, 'U', true);
  assert.deepEqual(take(turns, 10), Array(10).fill('U'));
  arrive(turns, failed);
  assert.deepEqual(take(turns, 2), ['failed', 'U']);
  arrive(turns, failed);
  setUrgent(turns, 'U', false);
  assert.deepEqual(take(turns, 1), ['B']);
  setUrgent(turns, 'U', true);
  assert.deepEqual(take(turns, 2), ['failed', 'U']);
});

test('no deadline lifts a batch over a higher band: short ones would take everything', () => {
  const turns = waiting(
    item('U', { band: 'low', tenant: 'a' }),
    item('B', { band: 'normal', tenant: 'b' }),
  );
  setUrgent(turns, 'U', true);
  const taken = take(turns, 100, 100, ({ overdue }) => (overdue ? 'lane_full' : 'yes'));
  assert.deepEqual(taken, Array(100).fill('B'));
});

test('who found no room for long makes up at most twice the lag', () => {
  const turns = waiting(item('A', { lane: 'slow' }), item('B', { tenant: 'b' }));
  take(turns, 36_000, 100, ({ item: { lane } }) => (lane === 'slow' ? 'lane_full' : 'yes'));
  const taken = take(turns, 2_000);
  const lag = TURN_SETTINGS.mostLagMs / 100;
  // Nearly all: the other's queue has a turn in each of its patiences.
  assert.ok(shareOf('A', taken.slice(0, lag)) >= 0.98);
  assert.ok(Math.abs(shareOf('A', taken.slice(2 * lag)) - 0.5) < 0.01);
});

test('a standing survives JSON, and the turns go on from it', () => {
  const begin = (): Turns => {
    const turns = waiting(item('A'), item('B', { tenant: 'b' }));
    setWeight(turns, 'b', 3);
    return turns;
  };
  const turns = begin();
  take(turns, 6);
  const again = createTurns(TURN_SETTINGS, JSON.parse(JSON.stringify(standingOf(turns))));
  setWeight(again, 'b', 3);
  arrive(again, item('A'));
  arrive(again, item('B', { tenant: 'b' }));
  assert.deepEqual(take(again, 20), take(turns, 20));
});

test('one id waits once; what is not there does not leave', () => {
  const turns = waiting(item('a'));
  assert.deepEqual(
    [arrive(turns, item('a')), leave(turns, 'a'), leave(turns, 'a')],
    [false, true, false],
  );
  const gone = { item: item('a'), tenant: 'a', band: 'normal', overdue: false } as const;
  assert.equal(admitted(turns, gone, { costMs: 1, finished: true }), false);
  assert.equal(
    nextTurn(turns, () => 'yes'),
    null,
  );
});

test('weight 0 has what others leave', () => {
  const turns = waiting(item('A'), item('B', { tenant: 'b' }));
  setWeight(turns, 'a', 0);
  const taken = take(turns, 900);
  assert.equal(taken.filter((id) => id === 'A').length, 1);
  leave(turns, 'B');
  assert.deepEqual(take(turns, 2), ['A', 'A']);
});
