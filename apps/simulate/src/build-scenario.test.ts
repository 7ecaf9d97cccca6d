import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '@sluice/config';
import { USUAL_BEHAVIOUR } from '@sluice/simulation';
import type { Job } from '@sluice/simulation';
import { behaviourOf, buildScenario } from './build-scenario.ts';
import { parseWorkload } from './workload.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-scenario-'));
after(() => rmSync(folder, { recursive: true }));

function sectionOf(simulate: string) {
  const text = `
providers: { p: { type: openai, base_url: "http://p/v1" } }
deployments: { d: { provider: p, model: m${simulate} } }
pools: { fast: [d] }
`;
  const loaded = loadConfig({ source: { text }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const section = loaded.simulated.get('d');
  assert.ok(section);
  return section;
}

test('a deployment of which the config says nothing behaves as usual', () => {
  assert.deepEqual(behaviourOf(sectionOf('')), USUAL_BEHAVIOUR);
});

test('what the config says counts', () => {
  const section = sectionOf(
    `, simulate: { limits: { rpm: 50 }, error_rate: 0.1, failures: { provider_error: 0.1 }, outages: [{ from: 10s }] }`,
  );
  const { limits, failures, outages } = behaviourOf(section);
  assert.deepEqual(limits, { rpm: 50 });
  assert.deepEqual(failures, { provider_error: 0.2 });
  assert.deepEqual(outages, [{ fromMs: 10_000, toMs: Infinity, kind: 'network', factor: 3 }]);
});

const ROUTED = `
providers: { p: { type: openai, base_url: "http://p/v1" } }
deployments: { a: { provider: p, model: m }, b: { provider: p, model: m } }
pools: { fast: [a], smart: [b], night: [b] }
tenants:
  team-a: { api_keys: [key-of-team-a] }
  team-b: { api_keys: [key-of-team-b], pools: [fast] }
admin: { api_keys: [key-of-admin] }
routes:
  - { name: long, when: { input_tokens: { min: 1000 } }, pool: smart }
  - { name: b, when: { tenant: team-b }, pool: smart, priority: low, max_tier: 1 }
  - { name: old, when: { model: "gpt-3*" }, pool: smart }
  - { name: late, when: { time: { from: "01:00", to: "02:00", days: [mon], zone: UTC } }, pool: night }
`;

async function jobsFor(name: string, text: string, how = ''): Promise<readonly Job[]> {
  const loaded = loadConfig({ source: { text: ROUTED }, env: {} });
  assert.ok(loaded.kind === 'ok', JSON.stringify(loaded));
  const path = join(folder, name);
  writeFileSync(path, text);
  const workloads = [parseWorkload(`${path}${how}`, false)];
  return (await buildScenario(loaded, { workloads, seed: 1 })).jobs;
}

const line = (model: string, characters: number): string =>
  JSON.stringify({
    custom_id: `${model} ${characters}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model, messages: [{ role: 'user', content: 'x'.repeat(characters) }] },
  });
const LINES = [line('fast', 10), line('fast', 4_000), line('gpt-3.5', 10)].join('\n');
const TRACE = `TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:00:00,10,10
2023-11-16 18:00:01,1000,10
2023-11-16 19:00:00,10,10
`;

const pools = async (...asked: Parameters<typeof jobsFor>): Promise<string[]> =>
  (await jobsFor(...asked)).map(({ pool }) => pool);

test('lines and requests go where the routes send them: by size, tenant, name and time', async () => {
  assert.deepEqual(await pools('l.jsonl', LINES), ['fast', 'smart', 'smart']);
  assert.deepEqual(await pools('n.jsonl', line('fast', 10), ':start=90m'), ['night']);
  assert.deepEqual(await pools('t.csv', TRACE), ['fast', 'smart', 'night']);
  assert.deepEqual(await pools('o.csv', TRACE, ':pool=gpt-3-turbo,limit=1'), ['smart']);
});

const of = ({ pool, priority, maxTier = null }: Job) => [pool, priority, maxTier];

test("a route's priority and last tier are for single jobs", async () => {
  const [single] = await jobsFor('s.csv', TRACE, ':tenant=team-b');
  assert.deepEqual(of(single as Job), ['smart', 'low', 1]);
  const [whole] = await jobsFor('w.csv', TRACE, ':tenant=team-b,at_once,priority=normal');
  assert.deepEqual(of(whole as Job), ['smart', 'normal', null]);
});

const MISTAKEN: [text: string, how: string, says: RegExp][] = [
  [
    line('fats', 10),
    '',
    /line 1 field body\.model: found "fats"; allowed: one of fast, smart, night/,
  ],
  [line('smart', 10), ':tenant=team-b', /found "smart"; allowed: one of fast$/m],
  [
    '{"custom_id": "a", secret}',
    '',
    /m\.jsonl line 1: This line is not parseable as valid JSON\. Stopped at character 20\.$/,
  ],
  ['"text"', '', /m\.jsonl line 1: This line must be a JSON object, found a string\.$/],
  [LINES, ':tenant=team-x', /tenant: found "team-x"; allowed: .*config: team-a, team-b/],
];

test('times that no run could come to are a mistake', async () => {
  const says = /--workload .*l.jsonl: found a last request after 4000 days; allowed: at most 3650/;
  await assert.rejects(jobsFor('l.jsonl', LINES, ':start=4000d'), says);
  await assert.rejects(
    jobsFor('t.csv', TRACE, ':scale=1e-300'),
    /found a last request after 4\.\d+e\+298/,
  );
  assert.equal((await jobsFor('t.csv', TRACE, ':scale=1e-300,at_once')).length, 3);
});

for (const [text, how, says] of MISTAKEN) {
  test(`${says} is said`, async () => {
    await assert.rejects(jobsFor('m.jsonl', text, how), says);
  });
}
