import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Fleet } from '@sluice/job';
import { startRedis, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { Redis } from 'ioredis';
import { LiveControl } from './live-control.ts';

let server: TestRedis;
const redises: Redis[] = [];
const controls: LiveControl<{ fleet: Fleet }>[] = [];
before(async () => {
  server = await startRedis({ persistent: true });
});
after(async () => {
  for (const control of controls) control.close();
  for (const redis of redises) redis.disconnect();
  await server.stop();
});

const connect = (maxRetriesPerRequest: number | null = 20): Redis => {
  const redis = new Redis(server.url, { maxRetriesPerRequest });
  redis.on('error', () => undefined);
  redises.push(redis);
  return redis;
};

const fleetOf = (...ids: string[]): Fleet =>
  ({
    deployments: new Map(ids.map((id) => [id, { id, weight: 1, model: 'm' }])),
    budgets: new Map(ids.map((id) => [id, { id, limits: { rpm: 10 } }])),
    pools: new Map([['fast', { id: 'fast', tiers: [ids] }]]),
  }) as unknown as Fleet;

/** One process; `file` is its config file. */
async function start(
  prefix: string,
  file: { fleet: Fleet | null },
  subscriber = connect(),
  redis = connect(),
) {
  const fleet = fleetOf('a', 'b');
  const invalid: string[] = [];
  const control = new LiveControl<{ fleet: Fleet }>({
    redis,
    subscriber,
    prefix,
    fleet,
    readConfig: () =>
      file.fleet ? { kind: 'ok', fleet: file.fleet } : { kind: 'invalid', report: 'mistakes' },
    onApplied: () => undefined,
    onInvalid: (report) => invalid.push(report),
  });
  controls.push(control);
  await control.start();
  return { control, fleet, invalid };
}

test('an override is in force in the other process within a second, also when its message is missed', async () => {
  const one = await start('p1', { fleet: null });
  const deaf = connect();
  const other = await start('p1', { fleet: null }, deaf);
  deaf.disconnect();
  await one.control.patch(['a'], { weight: 4, state: 'paused', limits: { rpm: 3 } });
  assert.equal(one.fleet.deployments.get('a')?.weight, 4);
  await until('the other goes by it', () => other.control.wishOf('a') === 'paused', {
    timeoutMs: 1_000,
  });
  assert.deepEqual(other.fleet.budgets.get('a')?.limits, { rpm: 3 });
  const later = await start('p1', { fleet: null });
  assert.equal(later.fleet.deployments.get('a')?.weight, 4, 'it survives a restart');
  await one.control.patch(['a'], { weight: null, state: null, limits: null });
  assert.equal(one.control.overrideOf('a'), null);
  assert.deepEqual(one.fleet.budgets.get('a')?.limits, { rpm: 10 });
});

test('a reload reaches all; who cannot read its file goes on as before', async () => {
  const file: { fleet: Fleet | null } = { fleet: fleetOf('a', 'c') };
  const one = await start('p2', file);
  const other = await start('p2', file);
  const broken = await start('p2', { fleet: null });
  await one.control.patch(['c'], { weight: 7 });
  const result = await one.control.reload();
  assert.ok(result.kind === 'ok');
  assert.deepEqual(result.change.deployments, { added: ['c'], removed: ['b'], changed: [] });
  assert.equal(one.fleet.deployments.get('c')?.weight, 7, 'an override waited for it');
  await until('the other follows', () => other.fleet.deployments.has('c'));
  await until('the third says why not', () => broken.invalid.length > 0);
  assert.deepEqual([...broken.fleet.deployments.keys()], ['a', 'b']);
  file.fleet = null;
  assert.deepEqual(await one.control.reload(), { kind: 'invalid', report: 'mistakes' });
  assert.ok(one.fleet.deployments.has('c'));
});

test('without Redis what was in force stays so, and what changed is taken up when it is back', async () => {
  const one = await start('p3', { fleet: null });
  await one.control.patch(['a'], { state: 'draining' });
  await server.restart();
  assert.equal(one.control.wishOf('a'), 'draining');
  await one.control.patch(['b'], { state: 'paused' });
  assert.deepEqual([one.control.wishOf('a'), one.control.wishOf('b')], ['draining', 'paused']);
});

test('a reload that Redis does not hear of is in force nowhere, and its asker knows', async () => {
  const file = { fleet: fleetOf('a', 'c') };
  const one = await start('p4', file, connect(), connect(0));
  const other = await start('p4', file);
  process.kill(server.pid, 'SIGKILL');
  await assert.rejects(one.control.reload());
  assert.deepEqual([...one.fleet.deployments.keys()], ['a', 'b']);
  await server.restart();
  await until('it can be told', () => one.control.reload().then(Boolean, () => false));
  await until('the other follows', () => other.fleet.deployments.has('c'));
  assert.ok(one.fleet.deployments.has('c'));
});

test('who started without Redis takes a reload that was told before he could hear of it', async () => {
  const file = { fleet: fleetOf('a', 'b') };
  process.kill(server.pid, 'SIGKILL');
  const late = await start('p5', file, connect(), connect(0));
  file.fleet = fleetOf('a', 'c');
  await server.restart();
  await until('it reads its file anew', () => late.fleet.deployments.has('c'));
});
