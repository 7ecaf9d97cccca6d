/** docs/metrics.md says what /metrics says: the same names, types and labels, and alerts on nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Admission } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import { chatLine, until } from '@sluice/testing';
import { FLEET, chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/metrics.md'), 'utf8');

interface Metric {
  type: string;
  labels: string[];
}

const named = (text: string): string[] =>
  [...text.matchAll(/`(\w+)`/g)].map(([, name]) => name as string).toSorted();

/** Rows of the tables: name, type, labels. */
const documented = new Map(
  [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*)\|/gm)].map(
    ([, name, type, labels]): [string, Metric] => [
      name as string,
      { type: type as string, labels: named(labels as string) },
    ],
  ),
);

/** A histogram's samples have suffixes, and `le`. */
function metricsIn(text: string): Map<string, Metric> {
  const found = new Map<string, Metric>();
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm))
    found.set(name, { type, labels: [] });
  for (const [, sample = '', labels = ''] of text.matchAll(/^(\w+)\{([^}]*)\} /gm)) {
    const metric = found.get(sample) ?? found.get(sample.replace(/_(bucket|sum|count)$/, ''));
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, name]) => name as string);
    if (metric) metric.labels = names.filter((name) => name !== 'le').toSorted();
  }
  return found;
}

let api: TestApi;
before(async () => {
  api = await startTestApi();
  const { redis, keys } = api.ledger;
  const figures = { share: 0.5, capacity_share: 0.5, error_rate: 0 };
  await redis.hset(keys.health, 'mini', JSON.stringify({ state: 'active', ...figures }));
  await redis.set(
    keys.pools,
    JSON.stringify({ fast: { waiting: 0, deployments: { mini: figures } } }),
  );
  await callOnce();
  await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  const text = chatLine('a', { model: 'fast', ...chat() });
  const headers = { 'content-type': 'application/jsonl' };
  const { status } = await api.call('POST /v1/batches?completion_window=1h', text, headers);
  assert.equal(status, 200);
});
after(() => api.stop());

/** A call of `mini` that was answered. */
async function callOnce(): Promise<void> {
  const loaded = loadConfig({ source: { text: FLEET }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const { redis } = api.ledger;
  const admission = new Admission({ redis, prefix: 'test', fleet: loaded.fleet });
  const cost = { requests: 1 as const, input: 10, output: 10, usd: 0 };
  const leases = ['l1'];
  await admission.book('mini', { costs: [cost], band: 'batch', leases, leaseMs: 60_000 });
  const usage = { input_tokens: 10, output_tokens: 10, cached_tokens: 0, reasoning_tokens: 0 };
  await admission.settle('mini', [
    {
      lease: 'l1',
      outcome: 'ok',
      expected: cost,
      actual: cost,
      usage,
      characters: 40,
      tookMs: 100,
      heldMs: 100,
    },
  ]);
  admission.close();
}

test('the page lists every metric with its type and labels, and none that is not there', async () => {
  const text = await until('every figure to be read', async () => {
    const answer = await api.call('GET /metrics');
    const names = [...metricsIn(answer.text).keys()];
    const isRead = (name: string) => new RegExp(`^${name}(_count)?[{ ]`, 'm').test(answer.text);
    return names.filter((name) => name.startsWith('sluice_')).every(isRead) && answer.text;
  });
  const told = metricsIn(text);
  const own = [...told].filter(([name]) => !/^(process|nodejs)_/.test(name));
  assert.ok(own.length > 10 && own.length < told.size);
  assert.deepEqual(Object.fromEntries(documented), Object.fromEntries(own));
});

test('what is used of a limit per minute is of its rate: the calls of the last ten seconds', async () => {
  const used = await until('a call to be shown', async () => {
    await callOnce();
    const { text } = await api.call('GET /metrics');
    const [, ratio] =
      /^sluice_budget_used_ratio\{budget="mini",dimension="rpm"\} (.*)$/m.exec(text) ?? [];
    return Number(ratio) > 0 ? Number(ratio) : null;
  });
  // Of 600 a minute, less a margin, each is about a hundredth of ten seconds.
  assert.ok(used > 0.005 && used < 0.2, `${used}`);
});

test('429s of a deployment are counted from nought on, so that the first is an increase', async () => {
  const { text } = await api.call('GET /metrics');
  for (const id of ['mini', 'haiku'])
    assert.match(
      text,
      new RegExp(
        `^sluice_deployment_calls_total\\{deployment="${id}",outcome="rate_limited"\\} 0$`,
        'm',
      ),
    );
});

test('alerts ask for metrics and labels that there are', () => {
  const [alerts = ''] = page.match(/^groups:$.*?^```$/ms) ?? [];
  const uses = [...alerts.matchAll(/(sluice_\w+)(?:\{([^}]*)\})?/g)];
  assert.ok(uses.length >= 5);
  for (const [, name = '', matchers = ''] of uses) {
    const metric = documented.get(name) ?? assert.fail(name);
    for (const [, label = ''] of matchers.matchAll(/(\w+)=/g))
      assert.ok(metric.labels.includes(label), `${name} has no ${label}`);
  }
});
