import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '@sluice/testing';
import { PermitKeeper } from './permit-keeper.ts';

test('renews what is held, by deployment, until it is released', async () => {
  const renewed: [string, string[]][] = [];
  const keeper = new PermitKeeper(
    {
      renew: (deployment, leases) => {
        renewed.push([deployment, leases]);
        return Promise.reject(new Error('away'));
      },
      free: () => Promise.resolve(),
    },
    5,
  );
  for (const lease of ['x', 'y']) keeper.hold('a', lease);
  keeper.hold('b', 'z');
  await until('a round', () => Promise.resolve(renewed.length >= 2));
  assert.deepEqual(renewed.slice(0, 2), [
    ['a', ['x', 'y']],
    ['b', ['z']],
  ]);
  keeper.release('a', 'x');
  keeper.release('b', 'z');
  renewed.length = 0;
  await until('the next', () => Promise.resolve(renewed.length >= 2));
  keeper.close();
  assert.deepEqual(renewed[0], ['a', ['y']]);
  assert.equal(
    renewed.some(([deployment]) => deployment === 'b'),
    false,
  );
});

test('asks no more for a deployment while what was asked has no answer', async () => {
  const asked: string[] = [];
  const keeper = new PermitKeeper(
    {
      renew: (deployment) => {
        asked.push(deployment);
        return deployment === 'away' ? new Promise(() => undefined) : Promise.resolve([]);
      },
      free: () => Promise.resolve(),
    },
    5,
  );
  keeper.hold('away', 'x');
  keeper.hold('here', 'y');
  await until('some rounds', () => asked.filter((one) => one === 'here').length >= 4);
  keeper.close();
  assert.equal(asked.filter((one) => one === 'away').length, 1);
});

for (const how of ['answered', 'failed'] as const)
  test(`frees what ended while its renewal was under way, where that ${how}`, async () => {
    const freed: [string, string[]][] = [];
    const rounds: (() => void)[] = [];
    const keeper = new PermitKeeper(
      {
        renew: (_, leases) =>
          new Promise((resolve, reject) => {
            rounds.push(() => (how === 'answered' ? resolve(leases) : reject(new Error('away'))));
          }),
        free: (...what) => Promise.resolve(void freed.push(what)),
      },
      5,
    );
    for (const lease of ['lapsed', 'ended']) keeper.hold('a', lease);
    await until('a renewal', () => rounds.length === 1);
    keeper.release('a', 'ended');
    rounds[0]?.();
    await until('the next', () => rounds.length === 2);
    rounds[1]?.();
    await until('one more', () => rounds.length === 3);
    keeper.close();
    assert.deepEqual(freed, [['a', ['ended']]]);
  });
