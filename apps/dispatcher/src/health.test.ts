import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import type { Deployment, Fleet } from '@sluice/job';
import { HealthBook } from './health.ts';

const deploymentOf = (id: string) =>
  ({ id, provider: { type: 'openai' }, model: 'm', weight: 1 }) as unknown as Deployment;

const fleetOf = (...ids: string[]): Fleet =>
  ({
    deployments: new Map(ids.map((id) => [id, deploymentOf(id)])),
    pools: new Map([['fast', { id: 'fast', tiers: [ids] }]]),
    budgets: new Map(),
  }) as unknown as Fleet;

/** What a look at Redis brings of a deployment: calls that ended since the start. */
const load = (ok: number, byOutcome: object = {}, meanLatencyMs = 100): DeploymentLoad => {
  const failed = Object.values(byOutcome).reduce((sum: number, n: number) => sum + n, 0);
  const counts = { ok, failed, byOutcome, consecutiveFailures: failed };
  return { ...counts, since: null, meanLatencyMs } as DeploymentLoad;
};

function bookOf(fleet: Fleet, narrow: string[][] = []) {
  const clock = { now: 1_000 };
  const wishes = new Map<string, 'paused' | 'draining'>();
  const traffic = { batch: false };
  const book = new HealthBook(fleet, {
    now: () => clock.now,
    random: () => 0,
    wishOf: (id) => wishes.get(id) ?? 'active',
    batchTraffic: () => traffic.batch,
    reaches: () => [...[...fleet.pools.values()].map(({ tiers }) => tiers.flat()), ...narrow],
  });
  const row = (id: string) =>
    JSON.parse(book.published(new Map())[id] ?? 'null') as Record<string, unknown> | null;
  return { book, clock, wishes, traffic, row };
}

test('a wish is stronger than what is measured, and gone when it is cleared', () => {
  const { book, wishes } = bookOf(fleetOf('a', 'b'));
  wishes.set('a', 'paused');
  assert.deepEqual(
    book.look(new Map()).map(({ deployment, to }) => [deployment, to]),
    [['a', 'paused']],
  );
  wishes.delete('a');
  assert.equal(book.look(new Map())[0]?.to, 'active');
});

test('a deployment that appears is active, one that goes is forgotten', () => {
  const fleet = fleetOf('a', 'b');
  const { book, row } = bookOf(fleet);
  fleet.deployments.delete('a');
  fleet.deployments.set('c', deploymentOf('c'));
  book.look(new Map());
  assert.deepEqual([row('a'), row('c')?.['state']], [null, 'active']);
});

test('one whose day is used up is paused until something comes back, and says which limit it was', () => {
  const { book, row, clock } = bookOf(fleetOf('a', 'b'));
  const windows = [
    { budget: 'a', dimension: 'tpd', limit: 9_000, used: 4_000, usedFraction: 0.4 },
    { budget: 'org', dimension: 'rpd', limit: 1_000, used: 1_000, usedFraction: 1 },
  ];
  const paused = (pausedForMs: number, refusedForMs = 0) =>
    new Map([['a', { ...load(5), windows, pausedForMs, refusedForMs } as DeploymentLoad]]);
  assert.equal(book.look(paused(59_000)).length, 0, 'waited for, as any other limit');
  assert.equal(
    book.look(paused(90_000, 90_000)).length,
    0,
    "a provider's pause is none of the day",
  );
  assert.deepEqual(
    book.look(paused(3_600_000)).map(({ deployment, to }) => [deployment, to]),
    [['a', 'paused']],
  );
  const reason =
    'rpd of budget org is used up: 1000 of 1000; something comes back at 1970-01-01T01:00:01Z';
  assert.equal(row('a')?.['reason'], reason);
  clock.now += 3_600_000;
  assert.deepEqual(
    book.look(paused(0)).map(({ to }) => to),
    ['active'],
  );
});

test('with work waiting it is used up exactly when none of that fits, whatever a usual call takes', () => {
  const { book, row } = bookOf(fleetOf('a', 'b'));
  const window = { budget: 'a', dimension: 'tpd', limit: 9_000, used: 8_000, usedFraction: 0.9 };
  const look = (fits: boolean | null, pausedForMs: number) => {
    const windows = [{ ...window, nextMs: 7_200_000 }];
    const one = { ...load(5), windows, pausedForMs, refusedForMs: 0 } as unknown as DeploymentLoad;
    const waits = new Map(fits === null ? [] : [['a', fits] as const]);
    return book.look(new Map([['a', one]]), waits).map(({ to, usedUp }) => [to, usedUp]);
  };
  assert.deepEqual(look(true, 7_200_000), [], 'small ones fit where a usual call does not');
  assert.deepEqual(look(false, 0), [['paused', true]], 'large ones do not where a usual call does');
  assert.match(String(row('a')?.['reason']), /^tpd of budget a has too little left for what waits/);
  assert.equal(row('a')?.['used_up'], true);
  assert.deepEqual(look(true, 0), [['active', false]]);
  Object.assign(window, { used: 0, usedFraction: 0 });
  look(false, 0);
  const never =
    'is smaller than all that waits for it: each takes more than the whole limit of 9000';
  assert.equal(row('a')?.['reason'], `tpd of budget a ${never}, and never fits`);
  assert.deepEqual(look(true, 0), [['active', false]]);
  assert.deepEqual(
    look(null, 7_200_000),
    [['paused', true]],
    'nothing waits: a usual call decides',
  );
});

test('a block is tried at once after a change of config', () => {
  const { book } = bookOf(fleetOf('a', 'b'));
  book.look(new Map([['a', load(1)]]));
  book.look(new Map([['a', load(1, { credential: 1 })]]));
  assert.equal(book.stateOf('a'), 'blocked');
  book.configChanged();
  assert.equal(book.stateOf('a'), 'half_open');
});

test('one that is called with another key after a change of config is blocked no longer', () => {
  const fleet = fleetOf('a', 'b');
  const { book, row } = bookOf(fleet);
  book.look(new Map([['a', load(1)]]));
  book.look(new Map([['a', load(1, { credential: 1 })]]));
  const before = deploymentOf('a');
  const provider = { ...before.provider, apiKey: 'sk-corrected' };
  fleet.deployments.set('a', { ...before, provider });
  book.configChanged();
  assert.equal(book.stateOf('a'), 'active');
  book.look(new Map([['a', load(1, { credential: 1 })]]));
  assert.deepEqual([row('a')?.['state'], row('a')?.['blocked']], ['active', null]);
  book.look(new Map([['a', load(1, { credential: 2 })]]));
  book.configChanged();
  assert.equal(book.stateOf('a'), 'half_open', 'with the same key it is tried');
});

test('five failures open the breaker; it returns slowly, and says so', () => {
  const { book, clock, row } = bookOf(fleetOf('a', 'b'));
  const look = (one: DeploymentLoad) => book.look(new Map([['a', one]]));
  look(load(0));
  look(load(0, { network: 5 }));
  assert.equal(book.stateOf('a'), 'broken');
  clock.now += 5_000;
  look(load(0, { network: 5 }));
  assert.equal(book.stateOf('a'), 'half_open');
  look({ ...load(3, { network: 5 }), consecutiveFailures: 0 });
  assert.deepEqual([row('a')?.['state'], row('a')?.['share_of_rate']], ['active', 0.1]);
  assert.match(String(row('a')?.['reason']), /starts slowly, now at 10 %/);
  clock.now += 60_000;
  assert.equal(book.sharesOfRate.get('a'), undefined, 'all of it');
});

test('who is three times slower than its peers for half a minute counts with half its weight', () => {
  const { book, clock, row } = bookOf(fleetOf('a', 'b'));
  for (let i = 0; i <= 4; i++) {
    clock.now += 10_000;
    const look = [
      ['a', load(10 * i, {}, 900)],
      ['b', load(10 * i, {}, 200)],
    ] as const;
    book.look(new Map(look));
  }
  assert.deepEqual([book.all.get('a')?.slow, book.all.get('b')?.slow], [true, false]);
  assert.deepEqual([row('a')?.['state'], row('b')?.['reason']], ['active', null]);
  assert.match(String(row('a')?.['reason']), /slower than its peers/);
});

test('once it is tried again only calls from then on count, in its recovery and after', () => {
  const { book, clock } = bookOf(fleetOf('a', 'b'));
  const dead = load(0, { network: 5 });
  const look = (since: DeploymentLoad['since'], more: Partial<DeploymentLoad> = {}) =>
    book.look(new Map([['a', { ...dead, ...more, since }]]));
  look(null, load(0));
  look(null);
  clock.now += 5_000;
  look(null);
  assert.deepEqual([book.stateOf('a'), book.unmarked], ['half_open', ['a']]);
  book.marked('a');
  const hung = load(0, { network: 5, timeout: 40 });
  look({ at: 7_000, ended: {} }, hung);
  assert.equal(book.stateOf('a'), 'half_open', 'calls that hung since before the trial');
  look({ at: 7_000, ended: { ok: 3 } }, { ...hung, ok: 3, consecutiveFailures: 0 });
  assert.equal(book.stateOf('a'), 'active');
  look({ at: 7_000, ended: { ok: 3 } }, load(3, { network: 5, timeout: 90 }));
  assert.deepEqual([book.stateOf('a'), book.unmarked], ['active', []]);
  look({ at: 7_000, ended: { ok: 3, timeout: 5 } }, load(3, { network: 5, timeout: 95 }));
  assert.equal(book.stateOf('a'), 'broken');
});

test('where batch jobs can try it, it is tried every twenty seconds however often it failed', () => {
  const { book, clock, traffic } = bookOf(fleetOf('a', 'b'));
  const look = (failures: number) => book.look(new Map([['a', load(0, { network: failures })]]));
  look(0);
  look(5);
  for (let i = 6; i < 14; i++) {
    clock.now += 300_000;
    look(i - 1);
    look(i);
  }
  assert.equal(book.stateOf('a'), 'broken');
  clock.now += 20_000;
  look(13);
  assert.equal(book.stateOf('a'), 'broken', 'nobody but people could try');
  traffic.batch = true;
  look(13);
  assert.equal(book.stateOf('a'), 'half_open');
});

test('when it will be tried is told as it will be, whoever asks for it meanwhile', () => {
  const { book, clock, traffic, row } = bookOf(fleetOf('a', 'b'));
  const look = (failures: number) => book.look(new Map([['a', load(0, { network: failures })]]));
  const told = () => row('a')?.['tried_from'];
  look(0);
  assert.equal(told(), null);
  look(5);
  for (let i = 6; i < 14; i++) {
    clock.now += 300_000;
    look(i - 1);
    look(i);
  }
  const opened = clock.now;
  assert.equal(told(), opened + 150_000 + 30_000, 'people try half a minute after the back-off');
  traffic.batch = true;
  const at = Number(told());
  assert.ok(at - opened <= 20_000, `${at - opened} ms`);
  clock.now = at - 1;
  look(13);
  assert.equal(book.stateOf('a'), 'broken');
  clock.now = at;
  look(13);
  assert.deepEqual([book.stateOf('a'), told()], ['half_open', null]);
});

test('of five, the one that fails in one of eight is left out until it is tried again', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const { book, clock } = bookOf(fleetOf(...ids));
  const look = (ok: number, failures: number) =>
    book.look(
      new Map(
        ids.map((id) => [
          id,
          id === 'e' ? { ...load(ok, { timeout: failures }), consecutiveFailures: 1 } : load(ok),
        ]),
      ),
    );
  look(0, 0);
  look(350, 50);
  assert.equal(book.stateOf('e'), 'active');
  clock.now += 10_000;
  look(350, 50);
  assert.deepEqual(
    ids.map((id) => book.stateOf(id)),
    ['active', 'active', 'active', 'active', 'broken'],
  );
});

test('the only one that a job may use stays in, although others of its pool are well', () => {
  const flaky = load(10, { network: 10 });
  const lookTwice = (narrow: string[][]) => {
    const { book } = bookOf(fleetOf('a', 'b', 'c'), narrow);
    book.look(new Map([['a', load(0)]]));
    book.look(new Map([['a', { ...flaky, consecutiveFailures: 1 }]]));
    return book.stateOf('a');
  };
  assert.equal(lookTwice([]), 'broken', 'all may go to b and c');
  assert.equal(lookTwice([['a', 'b']]), 'broken');
  assert.equal(lookTwice([['a']]), 'active', 'max_tier of some job leaves it nobody else');
});

test('failing without a success, the only one that a job may use is tried every five seconds at least', () => {
  const narrow: string[][] = [];
  const { book, clock } = bookOf(fleetOf('a', 'b'), narrow);
  const look = (failures: number) => book.look(new Map([['a', load(0, { network: failures })]]));
  look(0);
  look(5);
  for (let i = 6; i < 14; i++) {
    clock.now += 300_000;
    look(i - 1);
    look(i);
  }
  clock.now += 5_000;
  look(13);
  assert.equal(book.stateOf('a'), 'broken', 'up to 300 s: everybody may use b');
  narrow.push(['a']);
  look(13);
  assert.equal(book.stateOf('a'), 'half_open', 'at once, when somebody asks who may not');
});

test('one of weight 0 is nobody to go to', () => {
  const fleet = fleetOf('a', 'b');
  fleet.deployments.set('b', { ...deploymentOf('b'), weight: 0 });
  const { book } = bookOf(fleet);
  book.look(new Map([['a', load(0)]]));
  book.look(new Map([['a', { ...load(10, { network: 10 }), consecutiveFailures: 1 }]]));
  assert.equal(book.stateOf('a'), 'active');
});
