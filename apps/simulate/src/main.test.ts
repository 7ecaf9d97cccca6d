import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'sluice-simulate-'));
after(() => rmSync(folder, { recursive: true }));

const CONFIG = `
providers: { p: { type: openai, base_url: "http://p/v1", accounting: { output: actual } } }
deployments:
  a: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 1, output: 2 } }
  b: { provider: p, model: m, limits: { rpm: 300, tpm: 200000 }, simulate: { error_rate: 0.05 } }
pools: { fast: [a, b], only-a: [a] }
`;

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const config = written('config.yaml', CONFIG);
const rows = Array.from(
  { length: 200 },
  (_, i) => `2023-11-16 18:17:${String(i % 60).padStart(2, '0')}.5,${100 + i},${10 + (i % 50)}`,
);
const trace = written('trace.csv', `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n`);

interface End {
  code: number;
  stdout: string;
  stderr: string;
}

function simulate(...args: string[]): Promise<End> {
  const main = join(import.meta.dirname, 'main.ts');
  return new Promise((resolve) => {
    const argv = ['--import', 'tsx', main, '--config', config, ...args];
    execFile(process.execPath, argv, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

test('--json has exactly the promised fields, and the same seed gives the same bytes', async () => {
  const args = ['--workload', trace, '--at-once', '--seed', '7', '--json'];
  const [one, two] = await Promise.all([simulate(...args), simulate(...args)]);
  assert.equal(one.stderr, '');
  assert.equal(one.stdout, two.stdout);
  const report = JSON.parse(one.stdout) as Record<string, unknown>;
  assert.deepEqual(Object.keys(report), [
    'drain_ms',
    'ideal_ms',
    'ratio',
    'jobs',
    'calls',
    'limited',
    'utilisation',
    'wait_ms',
    'completion_ms',
    'cost_usd',
    'share',
    'tenants',
    'assumed',
    'hints',
  ]);
  assert.equal(report['jobs'], 200);
  assert.deepEqual(Object.keys(report['wait_ms'] as object), ['p50', 'p95', 'p99']);
  assert.equal(report['cost_usd'], null, 'deployment b has no price');
});

test('several workloads with settings of their own, for people to read', async () => {
  const { code, stdout } = await simulate(
    '--workload',
    `${trace}:tenant=x,priority=interactive,pool=only-a,scale=2`,
    '--workload',
    `${trace}:tenant=y,at_once`,
    '--strategy',
    'round_robin',
  );
  assert.equal(code, 0);
  assert.match(stdout, /^Drain {7}.* × T\*$/m);
  assert.match(stdout, /^x +200 /m);
  assert.match(stdout, /^y +200 /m);
  assert.match(stdout, /^Fairness/m);
});

const drainOf = ({ stdout }: End): number => (JSON.parse(stdout) as { drain_ms: number }).drain_ms;

test('one more key is a second command: what it saves is told, with the same seed for both', async () => {
  const with3 = CONFIG.replace(
    'pools: { fast: [a, b]',
    '  c: { provider: p, model: m, limits: { rpm: 600 } }\npools: { fast: [a, b, c]',
  );
  const more = written('with-one-more-key.yaml', with3);
  const args = ['--workload', trace, '--at-once', '--json'];
  const [today, then] = await Promise.all([simulate(...args), simulate(...args, '--config', more)]);
  // 15 requests a second, and ten more.
  const part = drainOf(then) / drainOf(today);
  assert.ok(part > 0.5 && part < 0.75, `${drainOf(then)} of ${drainOf(today)} ms`);
});

const line = (model: string) =>
  JSON.stringify({
    custom_id: model,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model, max_tokens: 50, messages: [{ role: 'user', content: 'x'.repeat(400) }] },
  });

test('a JSONL batch file names its pools, also one deployment', async () => {
  const models = ['fast', 'only-a', 'deployment/b'];
  const path = written('batch.jsonl', models.map(line).join('\n'));
  const { stdout } = await simulate('--workload', path, '--json');
  assert.equal((JSON.parse(stdout) as { jobs: number }).jobs, 3);
  const wrong = written('wrong.jsonl', `${line('fast')}\n\n${line('fats')}\n`);
  const { code, stderr } = await simulate('--workload', wrong);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /wrong\.jsonl line 3 field body\.model: found "fats"; allowed: one of fast, only-a/,
  );
});

interface Told {
  cost_usd: number;
  assumed: {
    chars_per_token: object;
    output_tokens: object[];
    max_tokens: object;
    latency: Record<string, { base_ms: number; from: string }>;
  };
}

test('what is assumed is told with where it is from, and characters per token can be said', async () => {
  const path = written('only-a.jsonl', line('only-a'));
  const told = async (...args: string[]): Promise<Told> =>
    JSON.parse((await simulate('--workload', path, '--json', ...args)).stdout) as Told;
  const [usual, wordy] = await Promise.all([told(), told('--chars-per-token', '2')]);
  assert.deepEqual(usual.assumed.chars_per_token, { value: 4, from: 'default' });
  assert.deepEqual(usual.assumed.output_tokens, [
    { pool: 'only-a', mean: 211, spread: 0.5, from: 'default' },
  ]);
  assert.deepEqual(usual.assumed.max_tokens, {}, 'each sets one');
  assert.deepEqual(Object.keys(usual.assumed.latency), ['a']);
  assert.deepEqual(wordy.assumed.chars_per_token, { value: 2, from: 'argument' });
  // 400 characters and those of the message around them, at a dollar a million tokens.
  assert.ok(wordy.cost_usd - usual.cost_usd >= 100 / 1e6, `${wordy.cost_usd}, ${usual.cost_usd}`);
  const { stdout } = await simulate('--workload', trace, '--at-once');
  assert.match(
    stdout,
    /^assumed:\n {2}4 characters a token \(default\)\n {2}fast: answers as long/m,
  );
  assert.match(
    stdout,
    /^ {2}a, b: where a request sets no maximum: booked with 1024 tokens at first \(default\)$/m,
  );
  const mixed = written(
    'mixed.jsonl',
    `${line('deployment/b')}\n${line('only-a').replace('"max_tokens":50,', '')}`,
  );
  const some = JSON.parse((await simulate('--workload', mixed, '--json')).stdout) as Told;
  const booked = { value: 1_024, from: 'default', sent: false };
  assert.deepEqual(some.assumed.max_tokens, { a: booked }, 'those that may get one without');
  assert.doesNotMatch((await simulate('--workload', path)).stdout, /no maximum/);
});

test('lines without a maximum, tokens being scarce: what a cap would change if answers are short', async () => {
  const narrow = CONFIG.replace('output: actual', 'output: max_tokens').replace(
    'rpm: 300, tpm: 200000',
    'tpm: 60000',
  );
  const args = ['--config', written('narrow.yaml', narrow), '--workload'];
  const told = async (workload: string): Promise<string[]> =>
    (JSON.parse((await simulate(...args, workload, '--json')).stdout) as { hints: string[] }).hints;
  const [says, ...others] = await told(trace);
  assert.deepEqual(others, [], 'the other has requests alone');
  assert.match(says ?? '', /^b: .* output_cap would let 131 calls a minute through instead of 49 /);
  assert.ok((await simulate(...args, trace)).stdout.includes(says ?? ''));
  assert.deepEqual(await told(`${trace}:max_tokens=100`), [], 'they set one');
});

test('a CSV of prompts is no trace: how it becomes a batch file is named', async () => {
  const prompts = written('prompts.csv', 'id,question,department\n1,why,sales\n');
  const { code, stderr } = await simulate('--workload', prompts);
  assert.equal(code, 1);
  assert.match(stderr, /prompts\.csv line 1 column TIMESTAMP: .*id,question,department/);
  assert.match(stderr, /a CSV of prompts becomes a batch file \(JSONL\) as README\.md shows/);
});

/** Every figure in it, with its path. */
function figuresIn(value: unknown, path: string): [path: string, figure: unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, of]) => figuresIn(of, `${path}.${key}`));
}

const oneRow = (end: string): string =>
  `TIMESTAMP,ContextTokens,GeneratedTokens${end}2023-11-16 18:17:03,1000,100${end}`;
const ODD: [what: string, config: string, workload: string, unknown: RegExp][] = [
  ['one line, CRLF', CONFIG, oneRow('\r\n'), /^\.cost_usd$|against_weight/],
  [
    'limits smaller than any request',
    CONFIG.replaceAll(/limits: [{][^}]*[}]/g, 'limits: { rpm: 1, tpm: 1 }'),
    oneRow('\n'),
    /^\.cost_usd$|against_weight/,
  ],
  [
    'what its day has no room for',
    CONFIG.replaceAll(/limits: [{][^}]*[}]/g, 'limits: { tpd: 1150 }'),
    oneRow('\n'),
    /^\.ratio$|^\.(wait|completion)_ms|^\.share|^\.tenants\.default\.(share|against_weight|wait_ms|completion_ms)/,
  ],
  [
    'nothing but failures',
    CONFIG.replaceAll(
      /limits: [{][^}]*[}](, simulate: [{][^}]*[}])?/g,
      'simulate: { error_rate: 1 }',
    ),
    oneRow('\n'),
    /^\.(cost_usd|ideal_ms|ratio)$|^\.completion_ms|^\.share|^\.tenants\.default\.(share|against_weight|completion_ms)/,
  ],
];

for (const [what, text, rowsOfIt, unknown] of ODD) {
  test(`${what}: figures that are, null for what is not known`, async () => {
    const path = written('odd.csv', rowsOfIt);
    const odd = written('odd.yaml', text);
    const { code, stdout, stderr } = await simulate('--config', odd, '--workload', path, '--json');
    assert.deepEqual([code, stderr], [0, '']);
    const { assumed, ...report } = JSON.parse(stdout) as Record<string, unknown>;
    assert.ok(assumed);
    for (const [at, figure] of figuresIn(report, '')) {
      if (figure === null) assert.match(at, unknown, 'null');
      else assert.ok(typeof figure === 'number' && figure >= 0, `${at}: ${JSON.stringify(figure)}`);
    }
    const { drain_ms: drain, ideal_ms: ideal, ratio } = report as Record<string, number | null>;
    assert.ok(ratio === null || ((ratio ?? 0) >= 1 && (ideal ?? 0) <= (drain ?? 0)), `${ratio}`);
  });
}

const MISTAKES: [args: string[], says: RegExp][] = [
  [[], /--workload: found nothing/],
  [['--workload', '/no/trace.csv'], /\/no\/trace\.csv: found no such file/],
  [['--workload', trace, '--strategy', 'best'], /--strategy: found "best"; allowed: capacity/],
  [['--workload', trace, '--strategy', 'split'], /needs settings, which pool fast does not have/],
  [
    ['--workload', trace, '--chars-per-token', '0'],
    /--chars-per-token: found "0"; allowed: a number/,
  ],
  [['--workload', trace, '--seed', '-1'], /--seed: .*found|--seed.*ambiguous/],
  [['--workload', `${trace}:pool=slow`], /pool: found "slow"; allowed: one of fast, only-a/],
  [['--workload', trace, '--config', '/no/c.yaml'], /\/no\/c\.yaml has one mistake/],
  [['--what'], /--what/],
];

for (const [args, says] of MISTAKES) {
  test(`simulate ${args.join(' ')} ends with 1 and says what is wrong`, async () => {
    const { code, stdout, stderr } = await simulate(...args);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack');
  });
}
