/** The doctor as a process, against simulated providers and a real Redis. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Admission } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import { startSimulator } from '@sluice/simulator';
import type { Simulator } from '@sluice/simulator';
import { freePort, startRedis, startSink } from '@sluice/testing';
import type { HttpSink, TestRedis } from '@sluice/testing';
import { Redis } from 'ioredis';
import { readArguments } from './arguments.ts';
import type { Finding } from './finding.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SECRET = 'sk-secret-that-is-never-shown';

let simulator: Simulator;
let late: HttpSink;
let redis: TestRedis;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  redis = await startRedis({ persistent: true });
  late = await startSink((_request, response) => {
    response
      .setHeader('date', new Date(Date.now() - 60_000).toUTCString())
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }));
  });
  simulator = await startSimulator({
    port: 0,
    accounts: {
      good: {
        key: SECRET,
        format: 'openai',
        limits: { rpm: 600, tpm: 100_000 },
        models: { m: {} },
      },
      claude: { key: `${SECRET}-c`, format: 'anthropic', limits: { rpm: 60 } },
      hung: { key: `${SECRET}-h`, format: 'openai', faults: [{ kind: 'hang' }] },
    },
  });
});
after(async () => {
  await simulator.close();
  await late.stop();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  code: number;
  ok: boolean;
  findings: Finding[];
  of: (about: string) => string;
}

async function doctor(config: string, args: string[] = []): Promise<Answer> {
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, config);
  const env = { ...process.env, SLUICE_CONFIG: file, REDIS_URL: redis.url, KEY: SECRET };
  return examined(args, env);
}

async function examined(args: string[], env: NodeJS.ProcessEnv): Promise<Answer> {
  const program = ['--import', 'tsx', 'apps/doctor/src/main.ts', '--json', '--timeout-ms', '700'];
  const { code, text } = await new Promise<{ code: number; text: string }>((resolve) => {
    execFile(process.execPath, [...program, ...args], { cwd: ROOT, env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, text: out + err }),
    );
  });
  assert.ok(!text.includes(SECRET), text);
  const { ok, findings } = JSON.parse(text) as Pick<Answer, 'ok' | 'findings'>;
  const of = (about: string): string =>
    findings
      .filter((one) => one.about === about)
      .map(({ level, says, advice }) => `${level}: ${says} → ${advice ?? ''}`)
      .join('\n');
  return { code, ok, findings, of };
}

const configOf = (deployments: string): string => `
providers:
  good: { type: openai, base_url: "${simulator.url}/v1", api_key: "\${KEY}" }
  wrong: { type: openai, base_url: "${simulator.url}/v1", api_key: "\${KEY}-none" }
  claude: { type: anthropic, base_url: "${simulator.url}", api_key: "\${KEY}-c" }
  hung: { type: openai, base_url: "${simulator.url}/v1", api_key: "\${KEY}-h" }
  late: { type: openai, base_url: "${late.url}/v1", api_key: "\${KEY}" }
deployments:
${deployments}
pools: { fast: [d] }
`;

test('a healthy installation: every limit as reported, the cost named, exit 0', async () => {
  const { code, ok, of, findings } = await doctor(
    configOf(
      '  d: { provider: good, model: m, limits: { rpm: 600, tpm: 100000 }, price: { input: 1, output: 2 } }',
    ),
  );
  assert.deepEqual([code, ok], [0, true], JSON.stringify(findings));
  assert.match(of('deployments.d'), /m answered .*chat.* in \d+ ms; cost 0\.0000\d+ US dollars/);
  assert.match(of('deployments.d'), /ok: rpm 600, as its headers report/);
  assert.match(of('redis'), /Redis \d|Valkey \d/);
  assert.match(of('redis'), /appendfsync always/);
  assert.match(of('redis'), /answers in \d+\.\d ms/);
});

test('limits above, below and without those that are reported', async () => {
  const { code, of } = await doctor(
    configOf(
      '  d: { provider: good, model: m, limits: { rpm: 900 }, budget: org }\n' +
        '  c: { provider: claude, model: m, limits: { rpm: 30 } }\nbudgets: { org: { tpm: 5000 } }',
    ),
  );
  assert.equal(code, 1);
  assert.match(of('deployments.d'), /error: rpm 900 in your config, 600 by its headers → lower/);
  assert.match(of('deployments.d'), /m answered \/v1\/chat\/completions in/);
  assert.match(of('deployments.c'), /m answered \/v1\/messages in/, 'the path of its vendor');
  assert.match(of('deployments.d'), /warning: tpm 5000 in your config, 100000 by its headers/);
  assert.match(of('deployments.c'), /warning: rpm 30 in your config, 60 by its headers → raise/);
  const unset = await doctor(configOf('  d: { provider: good, model: m }'));
  assert.match(unset.of('deployments.d'), /warning: its headers report rpm 600; you have none/);
  assert.equal(unset.code, 0, 'a warning is no error');
});

test('a wrong key, an unknown model, a place that nobody listens at, and one that hangs say what to do', async () => {
  const nobody = await freePort();
  const base = configOf(
    '  d: { provider: wrong, model: m }\n  gone: { provider: good, model: gone }\n' +
      '  far: { provider: far, model: m }\n  hung: { provider: hung, model: m }',
  );
  const far = `providers:\n  far: { type: openai, base_url: "http://127.0.0.1:${nobody}/v1" }`;
  const { code, of } = await doctor(base.replace('providers:', far));
  assert.equal(code, 1);
  assert.match(of('deployments.d'), /error: credential \(HTTP 401\).* → put a valid key/);
  assert.match(of('deployments.gone'), /error: model_gone \(HTTP 404\).* → check `model`.*gone/);
  assert.doesNotMatch(of('deployments.gone'), /lack/);
  const rootUrl = await doctor(
    base.replace('providers:', far).replace(`${simulator.url}/v1"`, `${simulator.url}"`),
  );
  assert.match(rootUrl.of('deployments.gone'), /HTTP 404.* → base_url \(.*\) may lack \/v1; else/);
  assert.match(of('deployments.far'), /error: network: .*ECONNREFUSED.* → check base_url/);
  assert.match(of('deployments.hung'), /error: timeout: no answer within 700 ms/);
});

test('a clock that differs from the provider’s', async () => {
  const { of, code } = await doctor(configOf('  d: { provider: late, model: m }'));
  assert.equal(code, 0);
  assert.match(of('deployments.d'), /warning: this machine's clock is (59|60|61) s ahead of/);
});

test('--no-calls calls nobody; an evicting Redis is an error', async () => {
  const callsBefore = simulator.stats().accounts['good']?.calls;
  const control = new Redis(redis.url);
  await control.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const { code, of, findings } = await doctor(configOf('  d: { provider: good, model: m }'), [
    '--no-calls',
  ]);
  await control.config('SET', 'maxmemory-policy', 'noeviction');
  control.disconnect();
  assert.equal(simulator.stats().accounts['good']?.calls, callsBefore);
  assert.ok(findings.every(({ about }) => !about.startsWith('deployments')));
  assert.match(of('redis'), /error: maxmemory-policy allkeys-lru/);
  assert.equal(code, 1);
});

test('all mistakes of a config, and nothing else is looked at', async () => {
  const { code, of, findings } = await doctor('pools: { fast: [none] }\nroutess: []');
  assert.deepEqual([code, findings.length], [1, 1]);
  for (const part of [/routess/, /pools\.fast/, /providers/]) assert.match(of('config'), part);
});

test('answers far shorter than what requests book: a cap is told with what it lets through', async () => {
  const config = configOf('  d: { provider: good, model: m, limits: { tpm: 110000 } }');
  const loaded = loadConfig({ source: { text: config }, env: { KEY: SECRET } });
  assert.ok(loaded.kind === 'ok');
  const client = new Redis(redis.url);
  const admission = new Admission({ redis: client, prefix: 'sluice', fleet: loaded.fleet });
  const cost = { requests: 1, input: 76, output: 1_024, usd: 0 };
  const usage = { input_tokens: 76, cached_tokens: 0, output_tokens: 31, reasoning_tokens: 0 };
  try {
    const leases = Array.from({ length: 25 }, (_, i) => `lease-${i}`);
    await admission.book('d', {
      costs: leases.map(() => cost),
      band: 'interactive',
      leases,
      leaseMs: 10_000,
    });
    const ended = {
      expected: cost,
      actual: cost,
      outcome: 'ok',
      tookMs: 100,
      heldMs: 100,
    } as const;
    await admission.settle(
      'd',
      leases.map((lease) => ({ ...ended, lease, characters: 300, usage })),
    );
  } finally {
    admission.close();
    client.disconnect();
  }
  const { of, ok } = await doctor(config, ['--no-calls']);
  assert.match(
    of('deployments.d'),
    /^warning: d: answers have 31 tokens in the mean.* books 1,024: output_cap: 130 would let 534 calls a minute through instead of 100 .* → set output_cap: 130 on deployments\.d, /,
  );
  assert.equal(ok, true);
  const capped = config.replace('model: m,', 'model: m, output_cap: 130,');
  assert.equal((await doctor(capped, ['--no-calls'])).of('deployments.d'), '');
});

async function doctorOfDemo(simulatorUrl: string): Promise<Answer> {
  const env = {
    ...process.env,
    SLUICE_CONFIG: 'demo',
    SLUICE_SIMULATOR_URL: simulatorUrl,
    SLUICE_DATA_DIR: folder,
    REDIS_URL: redis.url,
  };
  return examined([], env);
}

test('the demo’s providers: called where they run, and not missed where they do not', async () => {
  const nobody = await freePort();
  const gone = await doctorOfDemo(`http://127.0.0.1:${nobody}`);
  assert.equal(gone.code, 0, JSON.stringify(gone.findings));
  assert.match(gone.of('demo'), /ok: its providers are simulated and do not run now/);
  assert.equal(gone.of('deployments.sim-a'), '');
  const there = await doctorOfDemo(simulator.url);
  assert.match(there.of('deployments.sim-a'), /credential/, 'this one knows other keys');
});

test('a time that is none is a mistake of its own', () => {
  const { mistake } = readArguments(['--timeout-ms', 'long']) as { mistake: string };
  assert.equal(mistake, '--timeout-ms: found long; allowed: ms, at least 1');
});
