/** A look leaves out where nothing happens, and nothing that the leader goes by is another for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeploymentLoad } from '@sluice/admission';
import { fleetOf, loadOf } from './example-fleet.ts';
import { Picture } from './picture.ts';
import { RestingRoots } from './resting-roots.ts';

const MANY = Array.from({ length: 400 }, (_, i) => `d${i}`);
const LARGE = fleetOf(`
deployments:
${MANY.map((id) => `  ${id}: { provider: p, model: m, limits: { rpm: 600 } }`).join('\n')}
pools: { fast: [${MANY.join(', ')}] }
`);
const EVERY_MS = 50;

/** Looks at a fleet of which Redis says this, by the time in ms. */
function lookerAt(fleet = LARGE, said: (now: number) => Partial<DeploymentLoad> = () => ({})) {
  const roots = new RestingRoots(fleet);
  const clock = { now: 0 };
  const rests = new Set(fleet.deployments.keys());
  const look = (stirred: string[] = []): Set<string> => {
    clock.now += EVERY_MS;
    const due = roots.due(stirred, { now: clock.now, everyMs: EVERY_MS });
    const found = [...fleet.deployments.values()].filter(({ root }) => due.has(root));
    const loads = new Map(found.map(({ id }) => [id, { ...loadOf([]), ...said(clock.now) }]));
    roots.read(loads, { now: clock.now, rests: (id) => rests.has(id) });
    return due;
  };
  const looks = (count: number): Set<string>[] => Array.from({ length: count }, () => look());
  return { roots, rests, look, looks };
}

test('where nothing happens, each of 400 is read about once a second, a few at a time', () => {
  const { look, looks } = lookerAt();
  assert.equal(look().size, 400, 'the first look reads all');
  looks(100);
  const second = looks(20);
  assert.equal(second.flatMap((due) => [...due]).length, 400);
  assert.equal(new Set(second.flatMap((due) => [...due])).size, 400);
  assert.ok(second.every((due) => due.size <= 20));
});

test('one where something stirs is read at once, and at every look until it rests; then more and more seldom', () => {
  const { rests, look, looks } = lookerAt();
  looks(100);
  rests.delete('d7');
  assert.ok(look(['d7']).has('d7'));
  assert.ok(looks(10).every((due) => due.has('d7')));
  rests.add('d7');
  const read = looks(60).flatMap((due, i) => (due.has('d7') ? [i] : []));
  const pauses = read.slice(1).map((at, i) => at - (read[i] as number));
  assert.deepEqual(
    pauses.toSorted((a, b) => a - b),
    pauses,
  );
  assert.ok(read.length < 15 && pauses.some((looked) => looked >= 10), read.join(' '));
});

test('what shares a budget is read together', () => {
  const fleet = fleetOf(`
budgets: { org: { rpm: 600 } }
deployments:
  a: { provider: p, model: m, budget: org }
  b: { provider: p, model: m, budget: org }
  c: { provider: p, model: m }
pools: { fast: [a, b, c] }
`);
  const { look, looks } = lookerAt(fleet);
  looks(100);
  const [shared] = ['a', 'b'].map((id) => fleet.deployments.get(id)?.root ?? '');
  assert.ok(look(['b']).has(shared as string));
});

const leftMs = (now: number): number => Math.max(0, 5_020 - now);

test('where a pause ends, or something of a day comes back, it is read when it does', () => {
  for (const said of [
    (now: number) => ({ pausedForMs: leftMs(now) }),
    (now: number) => ({ windows: [{ nextMs: leftMs(now) }] as DeploymentLoad['windows'] }),
  ]) {
    const { looks } = lookerAt(LARGE, said);
    const [before = new Set(), then = new Set()] = looks(101).slice(-2);
    assert.ok(before.size <= 20);
    assert.equal(then.size, 400, 'at 5,050 ms');
  }
});

test('with another fleet all are read, also where it came while a look was under way', () => {
  const { roots, look, looks } = lookerAt();
  looks(100);
  roots.forget();
  assert.equal(look().size, 400);
  looks(100);
  const due = roots.due([], { now: 1e6, everyMs: EVERY_MS });
  roots.forget();
  roots.read(new Map([...due].map((id) => [id, loadOf([])])), { now: 1e6, rests: () => true });
  assert.equal(look().size, 400);
});

test('what was not read stays due', () => {
  const { roots, look, looks } = lookerAt();
  looks(100);
  const at = { now: 1e6, everyMs: EVERY_MS };
  assert.ok(roots.due(['d7'], at).has('d7'), 'Redis does not answer');
  assert.ok(look().has('d7'));
});

const SMALL = fleetOf(`
budgets: { org: { rpm: 1200, concurrency: 50 } }
deployments:
  a: { provider: p, model: m, limits: { rpm: 600 }, budget: org }
  b: { provider: p, model: m, limits: { rpm: 600 }, budget: org }
  c: { provider: p, model: m, limits: { rpm: 60 } }
  d: { provider: p, model: m }
pools: { fast: [a, b, c, d] }
`);
const SMALL_IDS = [...SMALL.deployments.keys()];

/** Redis and its workers: what is placed is taken, is under way for a while, and ends. */
class World {
  readonly #counts = new Map(
    SMALL_IDS.map((id) => [id, { taken: 0, ok: 0, failed: 0, inFlight: 0 }]),
  );
  readonly #bookedUntil = new Map<string, number>();

  take(id: string, jobs: number, now: number): void {
    const counts = this.#of(id);
    counts.taken += jobs;
    counts.inFlight += jobs;
    this.#bookedUntil.set(id, now + 90 * jobs);
  }

  end(id: string, failed: boolean): void {
    const counts = this.#of(id);
    counts[failed ? 'failed' : 'ok'] += counts.inFlight;
    counts.inFlight = 0;
  }

  isOut(id: string): boolean {
    return this.#of(id).inFlight > 0;
  }

  load(id: string, now: number): DeploymentLoad {
    const { failed, ...counts } = this.#of(id);
    const load = loadOf([{ budget: id, dimension: 'rpm', ratePerMs: 0.01 }]);
    const aheadMs = Math.max(0, (this.#bookedUntil.get(id) ?? 0) - now);
    const [dim] = load.dims as [DeploymentLoad['dims'][0]];
    const byOutcome = { server_error: failed } as DeploymentLoad['byOutcome'];
    return { ...load, ...counts, failed, byOutcome, dims: [{ ...dim, aheadMs }] };
  }

  #of(id: string) {
    return this.#counts.get(id) as { taken: number; ok: number; failed: number; inFlight: number };
  }
}

const happening = fc.record({
  id: fc.constantFrom(...SMALL_IDS),
  jobs: fc.integer({ min: 1, max: 9 }),
  failed: fc.boolean(),
  takenAfter: fc.nat(3),
  endedAfter: fc.nat(8),
  pause: fc.nat(60),
});

test('a leader that leaves out what rests goes by what one goes by that reads all', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 12 }), (happenings) => {
      const [all, some] = [new Picture(SMALL), new Picture(SMALL)];
      const roots = new RestingRoots(SMALL);
      const world = new World();
      let now = 1_000;
      const look = (): void => {
        now += EVERY_MS;
        all.update(new Map(SMALL_IDS.map((id) => [id, world.load(id, now)])), now);
        const due = roots.due(some.takeStirred(), { now, everyMs: EVERY_MS });
        const asked = SMALL_IDS.filter((id) => due.has(SMALL.deployments.get(id)?.root ?? ''));
        some.update(new Map(asked.map((id) => [id, world.load(id, now)])), now);
        roots.read(new Map(asked.map((id) => [id, world.load(id, now)])), {
          now,
          rests: (id) => some.rests(id),
        });
        const later = now + 17;
        const candidates = (of: Picture) => of.lineup([SMALL_IDS], later).candidates;
        assert.deepEqual(candidates(some), candidates(all));
        assert.equal(some.pickUpMs, all.pickUpMs);
        assert.deepEqual(
          SMALL_IDS.map((id) => [some.errorRate(id, now), some.queued(id)]),
          SMALL_IDS.map((id) => [all.errorRate(id, now), all.queued(id)]),
        );
      };
      const looks = (count: number): void => {
        for (let i = 0; i < count; i += 1) look();
      };
      looks(30);
      for (const { id, jobs, failed, takenAfter, endedAfter, pause } of happenings) {
        for (const picture of [all, some])
          picture.placed(id, jobs, { cost: { requests: 1, input: 5, output: 5, usd: 0 }, now });
        looks(takenAfter);
        world.take(id, jobs, now);
        looks(endedAfter);
        assert.ok(world.isOut(id));
        world.end(id, failed);
        looks(pause);
      }
    }),
    { numRuns: 60 },
  );
});
