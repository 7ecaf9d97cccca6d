import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetHealth } from './fleet-health.ts';
import type { EndedCalls } from './fleet-health.ts';
import { standing } from './standing.ts';

const NOTHING: EndedCalls = {
  ok: 0,
  failures: 0,
  failuresAtEnd: 0,
  refused: null,
  latencyMs: null,
};

function fleet(ids: readonly string[], weights: Record<string, number> = {}) {
  const health = new FleetHealth();
  health.follow(new Set(ids), 0);
  const around = {
    groups: [ids],
    reaches: [ids],
    weightOf: (id: string) => weights[id] ?? 1,
    batchTraffic: () => false,
  };
  const look = (now: number, ended: Record<string, Partial<EndedCalls>> = {}): void => {
    const all = ids.map((id) => [id, { ...NOTHING, ...ended[id] }] as const);
    health.look(new Map(all), around, { now, random: () => 0.5 });
  };
  const stateOf = (id: string, now: number): string | null => {
    const one = health.all.get(id);
    return one ? standing(one, now).state : null;
  };
  return { health, look, stateOf };
}

test('under 80 percent of the calls of half a minute it is left out, unless nobody else takes any', () => {
  const flaky = { ok: 7, failures: 3, failuresAtEnd: 1 };
  const beside = fleet(['a', 'b']);
  beside.look(1_000, { a: flaky });
  assert.equal(beside.stateOf('a', 1_000), 'broken');
  const alone = fleet(['a', 'b'], { b: 0 });
  alone.look(1_000, { a: flaky });
  assert.equal(alone.stateOf('a', 1_000), 'active', 'the other has weight 0');
  const steady = fleet(['a', 'b']);
  steady.look(1_000, { a: { ok: 8, failures: 2, failuresAtEnd: 1 } });
  assert.equal(steady.stateOf('a', 1_000), 'active');
});

test('a look without calls costs nothing where all are well: nothing is asked of the others, and each stays what it is', () => {
  const health = new FleetHealth();
  health.follow(new Set(['a', 'b']), 0);
  const before = new Map(health.all);
  const around = {
    groups: [],
    get reaches(): never {
      throw new Error('asked for');
    },
    weightOf: () => 1,
    batchTraffic: () => false,
  };
  const calls = new Map([...before.keys()].map((id) => [id, NOTHING]));
  health.look(calls, around, { now: 1, random: () => 0.5 });
  health.put('a', { wish: 'active' });
  assert.ok([...before].every(([id, one]) => health.all.get(id) === one));
});

test('refused for good it is blocked; a success counts once it is due to be tried', () => {
  const { look, stateOf, health } = fleet(['a', 'b']);
  look(1_000, { a: { refused: 'credential' } });
  look(2_000, { a: { ok: 1 } });
  assert.equal(stateOf('a', 2_000), 'blocked', 'of a call from before');
  health.configChanged(3_000);
  assert.equal(stateOf('a', 3_000), 'half_open');
  look(4_000, { a: { ok: 1 } });
  assert.equal(stateOf('a', 4_000), 'active');
});

test('three times slower than its peers for half a minute: slow, until it is not', () => {
  const { look, health } = fleet(['a', 'b']);
  const at = (now: number, latencyMs: number): boolean => {
    look(now, { a: { ok: 9, latencyMs }, b: { ok: 9, latencyMs: 100 } });
    return health.all.get('a')?.slow === true;
  };
  const seen = [1, 2, 3, 4].map((i) => at(i * 10_000, i < 4 ? 400 : 150));
  assert.deepEqual(seen, [false, false, true, false]);
});

test('what is known stays as long as the deployment does', () => {
  const { look, stateOf, health } = fleet(['a', 'b']);
  look(1_000, { a: { failures: 5, failuresAtEnd: 5 } });
  health.follow(new Set(['a', 'c']), 2_000);
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => stateOf(id, 2_000)),
    ['broken', null, 'active'],
  );
  health.put('c', { wish: 'paused' });
  assert.equal(stateOf('c', 2_000), 'paused');
});
