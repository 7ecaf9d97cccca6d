/** Turns as the leader keeps them: what tenants have had survives it, their own limits make them wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Turn } from '@sluice/fairness';
import type { Tenant } from '@sluice/job';
import { fleetOf } from './example-fleet.ts';
import { TurnBook } from './turn-book.ts';

const FLEET = fleetOf(`
deployments: { mini: { provider: p, model: m, limits: { rpm: 600, tpm: 60000 }, accounting: { output: actual } } }
pools: { fast: [mini] }
`);
const NOW = 1_795_000_000_000;

const tenant = (id: string, over: Partial<Tenant> = {}): Tenant => ({
  id,
  keyHashes: [],
  weight: 1,
  pools: null,
  limits: {},
  ...over,
});

function bookOf(tenants: Tenant[], saved = '', clock = { now: NOW }) {
  const facts = { fleet: FLEET, tenants, linesOut: () => 0, now: () => clock.now };
  return new TurnBook({ ...facts, linesWaiting: () => 0 }, saved);
}

const waits = (book: TurnBook, who: string, jobs: number, from = 0): void => {
  for (let i = from; i < from + jobs; i++)
    book.arrive({ id: `${who}-${i}`, tenant: who, band: 'normal', lane: 'fast', deadlineAt: NOW });
};

const COST = { input: 10, output: 10 };

/** Whose turns come next; each places one job. */
function take(book: TurnBook, turns: number): Turn[] {
  const taken: Turn[] = [];
  for (let i = 0; i < turns; i++) {
    const next = book.next(() => ({}));
    if (!next) break;
    const [turn] = next;
    taken.push(turn);
    const used = { pool: 'fast', jobs: 1, cost: COST, callMs: 100, id: turn.item.id };
    book.used(turn, used, true);
  }
  return taken;
}

const countOf = (turns: Turn[], who: string): number =>
  turns.filter((turn) => turn.tenant === who).length;

test('weights of the config decide, and outlive the leader', () => {
  const tenants = [tenant('a', { weight: 3 }), tenant('b')];
  const book = bookOf(tenants);
  waits(book, 'a', 100);
  waits(book, 'b', 100);
  assert.equal(countOf(take(book, 40), 'a'), 30);
  // The next leader goes on from there: whoever had more waits first.
  const ahead = bookOf(tenants);
  waits(ahead, 'a', 100);
  take(ahead, 50);
  waits(ahead, 'b', 1);
  const next = bookOf(tenants, ahead.save());
  waits(next, 'a', 50, 100);
  waits(next, 'b', 50);
  assert.equal(take(next, 1)[0]?.tenant, 'b');
});

test('what a job really used is settled', () => {
  const book = bookOf([]);
  waits(book, 'a', 50);
  waits(book, 'b', 50);
  const [first] = take(book, 2);
  const id = first?.item.id as string;
  const usage = { input_tokens: 10, cached_tokens: 0, output_tokens: 990, reasoning_tokens: 0 };
  book.ended(id, usage);
  // 1,000 tokens instead of 20 are worth ten requests: the other goes first until it has had as much.
  const others = take(book, 8).filter((turn) => turn.tenant !== first?.tenant);
  assert.equal(others.length, 8);
});

test("a tenant's rpm, tpm and concurrency make its jobs wait, and nobody else's", () => {
  const clock = { now: NOW };
  for (const [limits, most] of [
    [{ rpm: 120 }, 2],
    [{ tpm: 2_400 }, 2],
    [{ concurrency: 2 }, 2],
  ] as const) {
    const book = bookOf([tenant('a', { limits })], '', clock);
    waits(book, 'a', 10);
    waits(book, 'b', 3);
    const turns = take(book, 13);
    assert.equal(countOf(turns, 'b'), 3);
    assert.equal(countOf(turns, 'a'), most, JSON.stringify(limits));
    clock.now += 1_000;
    for (const { item } of turns) book.ended(item.id, null);
    book.release();
    assert.ok(take(book, 10).length >= 1);
  }
});

test('a job that comes again, as when it was handed back, takes no second place among its tenant’s calls', () => {
  const book = bookOf([tenant('a', { limits: { concurrency: 1 } })]);
  for (let round = 0; round < 3; round++) {
    waits(book, 'a', 1);
    book.release();
    assert.equal(take(book, 2).length, 1, `round ${round}`);
  }
  book.ended('a-0', null);
  waits(book, 'a', 1, 1);
  book.release();
  assert.equal(take(book, 1).length, 1);
});

test('lines that wait for another place keep theirs, and are not held up by it', () => {
  const lines = { out: 1, waiting: 1 };
  const book = new TurnBook({
    fleet: FLEET,
    tenants: [tenant('a', { limits: { concurrency: 2 } }), tenant('free')],
    linesOut: () => lines.out,
    linesWaiting: () => lines.waiting,
    now: () => NOW,
  });
  assert.deepEqual([book.most('a'), book.most('free')], [0, Infinity]);
  waits(book, 'a', 1);
  assert.equal(take(book, 1).length, 1);
  lines.waiting = 0;
  book.ended('a-0', null);
  assert.equal(book.most('a'), 1);
});

test('a limit of rpm outlives the leader too', () => {
  const tenants = [tenant('a', { limits: { rpm: 60 } })];
  const book = bookOf(tenants);
  waits(book, 'a', 2);
  assert.equal(take(book, 2).length, 1);
  const next = bookOf(tenants, book.save());
  next.arrive({ id: 'again', tenant: 'a', band: 'normal', lane: 'fast', deadlineAt: NOW });
  assert.equal(next.most('a'), 1, 'before anybody looked it is one more at most');
  next.release();
  assert.equal(take(next, 2).length, 0);
});

test('calls under way outlive the leader: a tenant may have no more of them under the next', () => {
  const tenants = [tenant('a', { limits: { concurrency: 2 } }), tenant('b')];
  const book = bookOf(tenants);
  waits(book, 'a', 2);
  waits(book, 'b', 1);
  const placed = take(book, 3);
  assert.equal(placed.length, 3);
  const next = bookOf(tenants, book.save());
  next.arrive({ id: 'again', tenant: 'a', band: 'normal', lane: 'fast', deadlineAt: NOW });
  next.release();
  assert.equal(take(next, 1).length, 0, 'both are under way');
  const asked = next.unheardOf(Infinity, 9);
  assert.equal(asked.length, 2, 'only what counts is saved, and is asked about');
  next.ended(asked[0] as string, null);
  next.release();
  assert.equal(take(next, 1).length, 1);
});

test('however many jobs of others are under way, those of a tenant that may have only so many are named and kept', () => {
  const book = bookOf([tenant('a', { limits: { concurrency: 2 } })]);
  waits(book, 'a', 2);
  assert.equal(take(book, 2).length, 2);
  waits(book, 'b', 20_000);
  assert.equal(take(book, 20_000).length, 20_000);
  assert.deepEqual(book.unheardOf(NOW + 1, 64), ['a-0', 'a-1']);
  waits(book, 'a', 1, 2);
  assert.equal(take(book, 1).length, 0, 'both are under way still');
  waits(book, 'a', 1);
  assert.deepEqual(book.unheardOf(NOW + 1, 64), ['a-1'], 'it came again');
});

test('jobs whose end nobody told are named, the oldest first', () => {
  const clock = { now: NOW };
  const book = bookOf([tenant('a', { limits: { concurrency: 9 } })], '', clock);
  waits(book, 'a', 3);
  take(book, 2);
  clock.now += 5_000;
  take(book, 1);
  assert.deepEqual(book.unheardOf(NOW + 1, 10), ['a-0', 'a-1']);
  book.stillOut('a-0');
  assert.deepEqual(book.unheardOf(NOW + 1, 10), ['a-1']);
  book.ended('a-1', null);
  assert.deepEqual(book.unheardOf(NOW + 10_000, 10), ['a-2', 'a-0']);
});

test('it is saved when something has changed, and again when saving failed', async () => {
  const book = bookOf([tenant('a')]);
  waits(book, 'a', 2);
  take(book, 1);
  const saved: string[] = [];
  const save = (text: string) => Promise.resolve(saved.push(text));
  await assert.rejects(book.keep(() => Promise.reject(new Error('no Redis'))));
  await book.keep(save);
  await book.keep(save);
  assert.deepEqual(saved, [book.save()]);
  take(book, 1);
  await book.keep(save);
  assert.equal(saved.length, 2);
});
