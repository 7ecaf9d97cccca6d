import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadConfig } from '@sluice/config';
import { AS_WANTED, addArms, noArmFigures } from '@sluice/ledger';
import { armsOf } from './arms-view.ts';
import { startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const FLEET = `
providers: { p: { type: openai, api_key: k, base_url: "http://127.0.0.1:9/v1" } }
deployments: { one: { provider: p, model: m }, two: { provider: p, model: m } }
pools: { ab: { strategy: { name: split, arms: { one: 50, two: 50 } }, tiers: [[one, two]] } }
`;

let api: TestApi;
before(async () => {
  api = await startTestApi({ fleet: FLEET });
});
after(() => api.stop());

const cell = (deployment: string, figures: object) => ({
  deployment,
  wanted: AS_WANTED,
  figures: { ...noArmFigures(), ...figures },
});

test('the success rate is of the calls that say something of the arm', async () => {
  const loaded = loadConfig({ source: { text: FLEET }, env: {} });
  if (loaded.kind === 'invalid') assert.fail();
  const { fleet } = loaded;
  const pool = fleet.pools.get('ab') ?? assert.fail();
  const cells = [
    cell('one', { calls: 10, succeeded: 6, aside: 2 }),
    cell('two', { calls: 3, succeeded: 0, aside: 3 }),
  ];
  await addArms(api.ledger, pool, { cells, now: Date.now() });
  const view = await armsOf(api.ledger, fleet, pool);
  assert.deepEqual(
    view?.compared.map(({ as_wanted: { calls, success_rate: rate } }) => [calls, rate]),
    [
      [10, 0.75],
      [3, null],
    ],
  );
});
