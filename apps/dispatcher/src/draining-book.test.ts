/** Whatever happens to batches in whatever order, the sums are those of a count from scratch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Draining } from './draining.ts';
import { unfedOf } from './draining.ts';
import { DrainingBook } from './draining-book.ts';
import { drainingOfLines } from './example-fleet.ts';
import { bandOf } from './run-entry.ts';

const TENANTS = ['a', 'b'];
const PRIORITIES = ['interactive', 'normal', 'low'];
const PLAN_IDS = ['x', 'y'];
const LINES = { characters: 400, maxOutput: 16 };

const happening = fc.record({
  what: fc.constantFrom('add', 'remove', 'plan', 'feed', 'record'),
  batch: fc.nat(5),
  lines: fc.nat(40),
  planId: fc.constantFrom(...PLAN_IDS),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function batchOf(n: number, at: number): Draining {
  const of = [
    { shape: '1.1', lines: 30, ...LINES },
    { shape: '8.1', lines: 10, ...LINES },
  ];
  const priority = PRIORITIES[n % 3] ?? '';
  return Object.assign(drainingOfLines(of), {
    id: `batch_${n}`,
    tenant: TENANTS[n % 2],
    priority,
    band: bandOf(priority),
    planned: false,
    createdAt: at,
    expiresAt: 1_000 - n * 10,
  });
}

function happen(book: DrainingBook, { what, batch: n, lines, planId }: Happening): void {
  const batch = book.get(`batch_${n}`);
  if (!batch) return what === 'add' ? book.add(batchOf(n, lines)) : undefined;
  if (what === 'remove') return book.remove(batch);
  const [one] = batch.classes;
  const few = Math.min(lines, one ? unfedOf(one) : 0);
  if (what === 'feed' && one) {
    one.taken += few;
    batch.fed += few;
  } else if (what === 'record') batch.recorded = Math.min(batch.fed, batch.recorded + lines);
  else if (what === 'plan') {
    for (const each of batch.classes) each.planId = planId;
    batch.planned = true;
  }
  book.note(batch);
}

const waiting = (batches: readonly Draining[], planId: string): number =>
  batches
    .filter(({ planned }) => planned)
    .flatMap(({ classes }) => classes.filter((one) => one.planId === planId))
    .reduce((sum, one) => sum + unfedOf(one), 0);

function check(book: DrainingBook): void {
  for (const tenant of TENANTS) {
    const own = book.all.filter((one) => one.tenant === tenant);
    const out = own.reduce((sum, { fed, recorded }) => sum + fed - recorded, 0);
    assert.equal(book.linesOut(tenant), out);
    for (const priority of PRIORITIES) checkShare(book, { tenant, priority });
  }
  const unfed = book.all
    .flatMap(({ classes }) => classes)
    .reduce((sum, one) => sum + unfedOf(one), 0);
  assert.equal(book.unfed.get('fast') ?? 0, unfed);
  for (const planId of PLAN_IDS)
    for (const band of [1, 2, 3] as const) {
      const sooner = book.all.filter((one) => one.band <= band);
      assert.equal(book.waitingFor({ band }, planId), waiting(sooner, planId));
    }
}

function checkShare(book: DrainingBook, of: { tenant: string; priority: string }): void {
  const share = book.shareOf(of);
  const own = book.all.filter(
    ({ tenant, priority }) => tenant === of.tenant && priority === of.priority,
  );
  const open = own.filter((one) => one.planned && one.classes.some((each) => unfedOf(each) > 0));
  const inTurn = open.toSorted((a, b) => a.expiresAt - b.expiresAt).map(({ id }) => id);
  assert.deepEqual(share?.batches.map(({ id }) => id) ?? [], inTurn);
  for (const planId of PLAN_IDS) assert.equal(share?.lines.get(planId) ?? 0, waiting(own, planId));
}

test('the sums are those of a count from scratch', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
      let told = 0;
      const book = new DrainingBook((_batch, _one, by) => (told += by));
      for (const one of happenings) {
        happen(book, one);
        check(book);
        assert.equal(
          told,
          PLAN_IDS.reduce((sum, id) => sum + waiting(book.all, id), waiting(book.all, '')),
        );
      }
    }),
  );
});

test('a batch that was replaced changes nothing any more', () => {
  const book = new DrainingBook();
  const old = Object.assign(batchOf(0, 0), { planned: true });
  book.add(old);
  book.remove(old);
  const again = batchOf(0, 0);
  book.add(again);
  old.fed = 7;
  book.note(old);
  book.remove(old);
  assert.equal(book.linesOut('a'), 0);
  assert.equal(book.get(again.id), again);
});

test('thousands of batches of one tenant are put in turn without comparing each with all', () => {
  const book = new DrainingBook();
  const many = 4_096;
  let asked = 0;
  const at = Array.from({ length: many }, (_, n) => (n * 1_237) % many);
  for (const expiresAt of at) {
    const batch = Object.assign(drainingOfLines([{ shape: '1.1', lines: 3, ...LINES }]), {
      id: `batch_${expiresAt}`,
      planned: true,
    });
    Object.defineProperty(batch, 'expiresAt', { get: () => ((asked += 1), expiresAt) });
    book.add(batch);
  }
  const [share] = book.shares;
  assert.ok(asked <= many * 2 * 13, `${asked} looks at a deadline`);
  const inTurn = share?.batches.map(({ id }) => Number(id.slice('batch_'.length)));
  assert.deepEqual(
    inTurn,
    at.toSorted((a, b) => a - b),
  );
});

test('of a tenant’s batches the first in turn is told for each pool, where others wait behind it', () => {
  const book = new DrainingBook();
  const add = (n: number, at: number): Draining => {
    const batch = Object.assign(batchOf(n, at), { tenant: 'a', priority: 'low', expiresAt: 1_000 });
    Object.assign(batch, { planned: true });
    for (const one of batch.classes) one.planId = 'x';
    book.add(batch);
    return batch;
  };
  const firstOnes = (): string[] => book.firstInTurn.map(({ batch }) => batch);
  const later = add(1, 2_000);
  assert.deepEqual(firstOnes(), [], 'alone');
  const first = add(2, 1_000);
  const pool = first.classes[0]?.pool;
  assert.deepEqual(book.firstInTurn, [{ tenant: 'a', priority: 'low', pool, batch: first.id }]);
  for (const one of first.classes) one.taken = one.jobs;
  book.note(first);
  assert.deepEqual(firstOnes(), []);
  add(3, 3_000);
  assert.deepEqual(firstOnes(), [later.id]);
});
