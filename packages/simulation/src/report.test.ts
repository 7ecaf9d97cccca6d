import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from './engine.ts';
import { exampleFleet, jobsAlike, scenario } from './example-scenario.ts';
import { percentilesOf, reportOf } from './report.ts';

const TENANT = { weight: 1, keyHashes: [], pools: null, limits: {} };

test('percentiles are by nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual(percentilesOf(values), { p50: 50, p95: 95, p99: 99 });
  assert.deepEqual(percentilesOf([7]), { p50: 7, p95: 7, p99: 7 });
  assert.deepEqual(percentilesOf([]), { p50: null, p95: null, p99: null }, 'not 0 ms');
});

test('the report has the figures of the run', async () => {
  const about = scenario(exampleFleet({ d: { rpm: 600 } }), jobsAlike(100));
  const run = await new Engine(about).run();
  const report = reportOf(run, { idealMs: 5_000, tenants: [] });
  assert.deepEqual([report.jobs, report.calls, report.limited], [100, 100, 0]);
  assert.deepEqual(report.share, { d: 1 });
  assert.equal(report.ratio, Number((run.endedAt / 5_000).toFixed(4)));
  assert.equal(report.cost_usd, Number(((100 * (100 * 1 + 50 * 2)) / 1e6).toFixed(6)));
  assert.equal(report.utilisation['d']?.rpm, Number((100 / (run.endedAt / 100)).toFixed(4)));
});

test('a tenant of weight 0 is compared with the little that it is to get', async () => {
  const jobs = ['a', 'b'].flatMap((tenant) => jobsAlike(200, { tenant, batch: `of ${tenant}` }));
  const tenants = ['a', 'b'].map((id) => ({ ...TENANT, id, weight: 0 }));
  const about = scenario(exampleFleet({ d: { rpm: 600 } }), jobs, { tenants });
  const report = reportOf(await new Engine(about).run(), { idealMs: null, tenants });
  for (const { against_weight: part } of Object.values(report.tenants))
    assert.ok(part !== null && Math.abs(part - 1) < 0.1, `${part}`);
});

test('an unknown price makes the cost unknown, not 0', async () => {
  const fleet = exampleFleet({ d: { rpm: 600 } });
  const deployment = fleet.deployments.get('d');
  assert.ok(deployment);
  deployment.price = null;
  const run = await new Engine(scenario(fleet, jobsAlike(3))).run();
  assert.equal(reportOf(run, { idealMs: null, tenants: [] }).cost_usd, null);
});

test('what expired was not drained: there is no ratio', async () => {
  const jobs = jobsAlike(100, { deadlineMs: 5_000 });
  const run = await new Engine(scenario(exampleFleet({ d: { rpm: 600, rpd: 20 } }), jobs)).run();
  const { ratio, ideal_ms, tenants } = reportOf(run, { idealMs: 4 * 86_400_000, tenants: [] });
  assert.ok((tenants['a']?.expired ?? 0) >= 80);
  assert.deepEqual([ratio, ideal_ms], [null, 4 * 86_400_000]);
});
