import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashKey } from './check-names.ts';
import { loadConfig } from './load-config.ts';
import type { Loaded, LoadResult } from './load-config.ts';
import { formatMistakes } from './mistake.ts';

const CONTRACT = `
providers:
  openai-a: { type: openai, api_key: "\${OPENAI_KEY_A}" }
  openai-b: { type: openai, api_key: "\${OPENAI_KEY_B}" }
  claude:   { type: anthropic, api_key: "\${file:/run/secrets/claude}" }
deployments:
  mini:
    provider: [openai-a, openai-b]
    model: gpt-4o-mini
    region: us-east
    weight: 3
    limits: { rpm: 500, tpm: 200000, concurrency: 32 }
    price: { input: 0.15, output: 0.60 }
    timeout_ms: 45000
  haiku: { provider: claude, model: claude-haiku, budget: anthropic-org }
budgets:
  anthropic-org: { rpm: 1000, itpm: 500000, otpm: 100000, usd_per_month: 200 }
pools:
  fast:
    strategy: capacity
    tiers: [[mini], [haiku]]
    aliases: [gpt-4o-mini]
  smart: [haiku]
tenants:
  team-a: { api_keys: ["\${TEAM_A_KEY}"], weight: 2, pools: [fast], limits: { rpm: 600, max_queued: 100000, usd_per_day: 50 } }
admin: { api_keys: ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] }
webhooks: { secret: "\${WEBHOOK_SECRET:-whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}", allow: [127.0.0.0/8] }
retry: { max_attempts: 5 }
retention: { jobs: 24h, files: 30d, dead: 7d }
`;
const ENV = { OPENAI_KEY_A: 'key-a', OPENAI_KEY_B: 'key-b', TEAM_A_KEY: 'team-a-key' };
const readFile = (): string => 'key-c\n';

const load = (text: string, env: Record<string, string> = ENV): LoadResult =>
  loadConfig({ source: { text }, env, readFile });

function ok(result: LoadResult): Loaded {
  assert.ok(
    result.kind === 'ok',
    result.kind === 'ok' ? '' : formatMistakes(result.mistakes, 'text'),
  );
  return result;
}

/** `path: found; allowed` of every mistake. */
function mistakes(result: LoadResult): string[] {
  assert.equal(result.kind, 'invalid');
  return result.kind === 'invalid'
    ? result.mistakes.map((m) => `${m.path}: ${m.found}; ${m.allowed}`)
    : [];
}

/** The smallest correct file, with parts replaced. */
const small = (parts: { deployment?: string; pools?: string; more?: string } = {}): string => `
providers: { a: { type: openai, api_key: k } }
deployments:
  mini: { provider: a, model: m${parts.deployment ?? ''} }
pools: ${parts.pools ?? '{ fast: [mini] }'}
${parts.more ?? ''}`;

test('the example of the contract becomes the fleet it describes', () => {
  const { fleet, config, tenants, warnings } = ok(load(CONTRACT));
  assert.deepEqual([...fleet.deployments.keys()], ['mini@openai-a', 'mini@openai-b', 'haiku']);
  assert.deepEqual(fleet.pools.get('fast')?.tiers, [['mini@openai-a', 'mini@openai-b'], ['haiku']]);
  assert.deepEqual(fleet.pools.get('smart')?.tiers, [['haiku']]);
  assert.deepEqual(fleet.pools.get('smart')?.strategy, { name: 'capacity' });
  const mini = fleet.deployments.get('mini@openai-b');
  assert.deepEqual(
    [mini?.provider.apiKey, mini?.provider.baseUrl, mini?.weight, mini?.timeoutMs],
    ['key-b', 'https://api.openai.com/v1', 3, 45_000],
  );
  assert.deepEqual(mini?.budgets, ['mini@openai-b']);
  assert.equal(fleet.deployments.get('haiku')?.provider.apiKey, 'key-c');
  assert.deepEqual(
    tenants,
    [
      {
        id: 'team-a',
        keyHashes: [hashKey('team-a-key')],
        weight: 2,
        pools: ['fast'],
        limits: { rpm: 600, max_queued: 100_000, usd_per_day: 50 },
      },
    ].map((tenant) => ({ ...tenant })),
  );
  assert.deepEqual(config.retention, {
    jobsMs: 86_400_000,
    filesMs: 2_592_000_000,
    deadMs: 604_800_000,
    usageMs: 7_776_000_000,
  });
  assert.deepEqual(config.webhooks.allow, ['127.0.0.0/8']);
  assert.equal(config.server.maxFileBytes, 8_589_934_592);
  assert.equal(config.dispatch.depthMs, 1_000);
  assert.equal(config.retry.backoff.baseMs, 500);
  assert.deepEqual(warnings, [
    'deployments.haiku: without a price haiku does not count against its limit in US dollars',
    'tenants.team-a.api_keys[0]: a key of fewer than 16 characters can be guessed; `npm run -s key` makes a safe one',
  ]);
});

test('a key that can be guessed is warned of where it stands, and not shown', () => {
  const hash = hashKey('abc');
  const keys = `["${'k'.repeat(16)}", "${hash}", "\${SHORT}"]`;
  const more = `tenants: { t: { api_keys: ${keys} } }\nadmin: { api_keys: [qwerty] }`;
  const { warnings } = ok(load(small({ more }), { SHORT: 'hunter2' }));
  assert.deepEqual(
    warnings.map((one) => one.split(':')[0]),
    ['tenants.t.api_keys[2]', 'admin.api_keys[0]'],
  );
  assert.doesNotMatch(warnings.join(), /hunter2|qwerty/);
});

test('every deployment has a budget of its own; budgets charged together share a root', () => {
  const { fleet } = ok(load(CONTRACT));
  assert.deepEqual(fleet.budgets.get('mini@openai-a'), {
    id: 'mini@openai-a',
    limits: { rpm: 500, tpm: 200_000, concurrency: 32 },
    outputCharge: 'max_tokens',
    root: 'mini@openai-a',
  });
  assert.deepEqual(fleet.deployments.get('haiku')?.budgets, ['haiku', 'anthropic-org']);
  assert.equal(fleet.deployments.get('haiku')?.root, 'anthropic-org');
  assert.equal(fleet.budgets.get('haiku')?.root, 'anthropic-org');
  assert.equal(fleet.budgets.get('anthropic-org')?.root, 'anthropic-org');
  assert.equal(fleet.budgets.get('anthropic-org')?.outputCharge, 'actual');
});

test('five mistakes of five kinds are reported at once, in the order of the file', () => {
  const text = `
providers: { a: { type: opnai, api_key: "\${MISSING}" } }
deployments:
  mini: { provider: b, model: m, limits: { rpm: -1 }, timout_ms: 5 }
pools: { fast: { tiers: [[mini]], strategy: capcity } }
`;
  assert.deepEqual(mistakes(load(text)), [
    'providers.a.api_key: ${MISSING}, not set; set MISSING in the environment, or give a default: ${MISSING:-…}',
    'providers.a.type: "opnai"; openai, anthropic',
    'deployments.mini.limits.rpm: -1; a number from 0.001 to 1e15',
    'deployments.mini.timout_ms: an unknown setting (5); did you mean `timeout_ms`? There are: provider, model, region, weight, limits, budget, price, timeout_ms, default_max_tokens, output_cap, output_cap_param, params, headers, query, drop_params, accounting, simulate',
    'deployments.mini.provider: "b"; a provider: a',
    'pools.fast.strategy: "capcity"; did you mean `capacity`? a strategy: capacity, weighted, round_robin, random, least_busy, latency, adaptive, cost, error_weighted, hash, split, region',
  ]);
});

const WRONG: [what: string, text: string, expected: RegExp[]][] = [
  [
    'an unknown deployment',
    small({ pools: '{ fast: [minni] }' }),
    [/^pools\.fast\[0\]: "minni"; did you mean `mini`\?/],
  ],
  [
    'an unknown budget',
    small({ deployment: ', budget: org' }),
    [/^deployments\.mini\.budget: "org"; a budget, but there are none$/],
  ],
  [
    'an unknown pool of a tenant',
    small({ more: 'tenants: { t: { api_keys: [k], pools: [slow] } }' }),
    [/^tenants\.t\.pools\[0\]: "slow"; a pool: fast$/],
  ],
  [
    'an alias that is a pool',
    small({ pools: '{ fast: { tiers: [[mini]], aliases: [smart] }, smart: [mini] }' }),
    [/^pools\.fast\.aliases\[0\]: "smart"; .*the pool smart has it$/],
  ],
  [
    'an alias twice',
    small({
      pools: '{ p: { tiers: [[mini]], aliases: [x] }, q: { tiers: [[mini]], aliases: [x] } }',
    }),
    [/^pools\.q\.aliases\[0\]: "x"; .*alias of the pool p has it$/],
  ],
  [
    'a deployment id with @',
    small({ more: 'budgets: { "x@y": { rpm: 1 } }' }),
    [/^budgets\.x@y: the name "x@y"; a name: letters/],
  ],
  [
    'a budget named as a deployment',
    small({ more: 'budgets: { mini: { rpm: 1 } }' }),
    [/^budgets\.mini: "mini"; a name that no deployment has$/],
  ],
  [
    'an empty tier',
    small({ pools: '{ fast: { tiers: [[mini], []] } }' }),
    [/^pools\.fast\.tiers\[1\]: a list of 0; a list of deployment names, not empty$/],
  ],
  [
    'no tiers',
    small({ pools: '{ fast: { tiers: [] } }' }),
    [/^pools\.fast\.tiers: a list of 0; a list of tiers/],
  ],
  [
    'an empty pool',
    small({ pools: '{ fast: [] }' }),
    [/^pools\.fast: a list of 0; a list of deployment names, not empty/],
  ],
  [
    'a tier without brackets',
    small({ pools: '{ fast: { tiers: [mini] } }' }),
    [/^pools\.fast\.tiers\[0\]: "mini"; a list of deployment names/],
  ],
  ['no pools', small({ pools: '{}' }), [/^pools: .*; a section with at least one pool$/]],
  [
    'a pool that is a text',
    small({ pools: '{ fast: mini }' }),
    [
      /^pools\.fast: "mini"; a list of deployment names, not empty, or a section with strategy, tiers/,
    ],
  ],
  [
    'a setting that the strategy has not',
    small({ pools: '{ fast: { tiers: [[mini]], strategy: { name: capacity, speed: 1 } } }' }),
    [/^pools\.fast\.strategy\.speed: the setting "speed"; nothing: capacity has no settings$/],
  ],
  [
    'a duplicate key',
    small({ more: 'retry: { max_attempts: 1 }\nretry: { max_attempts: 2 }' }),
    [/^retry: the same name again; each name once/],
  ],
  [
    'a value that holds itself',
    small({ more: 'retry: &a { max_attempts: [*a] }' }),
    [/^: the alias \*a inside of its own anchor; aliases of anchors that end above them$/],
  ],
  [
    'a list that holds itself',
    'deployments: &a [*a]',
    [/^: the alias \*a inside of its own anchor/],
  ],
  [
    'an alias of no anchor',
    'usual: &usual 1\na: [*usual, *usaul]',
    [/^: the alias \*usaul of no anchor above it; aliases of anchors defined above them: &usual$/],
  ],
  [
    'an alias above its anchor, where there is none yet',
    'a: *late\nb: &late 1',
    [/^: the alias \*late of no anchor above it; .*; there are none$/],
  ],
  [
    'anchors that unfold without bound',
    Array.from('abcdefghij')
      .map((name, i) => {
        const inner = i === 0 ? 'x' : `*${'abcdefghij'[i - 1]}`;
        return `${name}: &${name} [${Array.from({ length: 9 }, () => inner).join(', ')}]`;
      })
      .join('\n'),
    [/^: the alias \*f, which unfolds the file beyond 1000000 values; a file of at most 1000000/],
  ],
  [
    'a `<<` that names no section',
    small().replace('{ provider: a, model: m }', '{ <<: 5, provider: a, model: m }'),
    [/^: `<<` with what is no section; /],
  ],
  [
    'numbers that are none',
    small({
      deployment:
        ', limits: { rpm: .inf, tpm: .nan, rpd: -.inf }, price: { input: 1, output: 1e309 }',
    }),
    [
      /limits\.rpm: \.inf, or a number too large to be one; a number from/,
      /limits\.tpm: \.nan, which is no number; a number from/,
      /limits\.rpd: -\.inf, or a number too large/,
      /price\.output: \.inf, or a number too large to be one; US dollars/,
    ],
  ],
  [
    'limits that no arithmetic bears',
    small({
      deployment: ', weight: 1e308, limits: { rpm: 1e308, tpm: 1e-300, concurrency: 1e12 }',
    }),
    [
      /\.weight: 1e\+308; a number from 0 to 1000000$/,
      /\.rpm: 1e\+308; a number from 0\.001 to 1e15$/,
      /\.tpm: 1e-300; a number from 0\.001 to 1e15$/,
      /\.concurrency: 1000000000000; a whole number from 1 to 1000000$/,
    ],
  ],
  [
    'durations beyond what Redis takes for an expiry',
    small({
      more: 'retention: { jobs: 999999999999d, files: 3651d }\nwebhooks: { keep_deliveries: 90000h }',
    }),
    [
      /^retention\.jobs: "999999999999d"; a duration above 0 .*, at most `3650d`$/,
      /^retention\.files: "3651d"; a duration above 0/,
      /^webhooks\.keep_deliveries: "90000h"; a duration above 0/,
    ],
  ],
  [
    'sizes that fit nowhere',
    small({
      more: 'server: { max_body_bytes: 9007199254740991, max_batch_lines: 9007199254740991, max_file_bytes: 9007199254740991 }\nretry: { backoff: { cap_ms: 9007199254740991 } }',
    }),
    [
      /^server\.max_body_bytes: 9007199254740991; a whole number from 1 to 268435456$/,
      /^server\.max_batch_lines: .*; a whole number from 1 to 100000000$/,
      /^server\.max_file_bytes: .*; a whole number from 1 to 1099511627776$/,
      /^retry\.backoff\.cap_ms: .*; a whole number from 1 to 86400000$/,
    ],
  ],
  [
    'a key that no header takes',
    small().replace(
      'api_key: k',
      'api_key: "schlüssel💥", headers: { x-team: "a💥", "x team": b }',
    ),
    [
      /^providers\.a\.api_key: a text of 11 characters; a key in printable ASCII/,
      /^providers\.a\.headers\.x-team: a text of 3 characters; .*Latin-1/,
      /^providers\.a\.headers\.x team: the name "x team"; the name of a header: letters, digits and `-`/,
    ],
  ],
  [
    'names that every object of JavaScript has',
    small({ pools: '{ __proto__: [mini], constructor: [mini], fast: [mini] }' }),
    [/^pools\.__proto__: the name __proto__; a name that not/, /^pools\.constructor: the name/],
  ],
  [
    'streaming, which jobs have not',
    small().replace('model: m', 'model: m, params: { stream: true }'),
    [/^deployments\.mini\.params\.stream: true; false, or nothing/],
  ],
  [
    'a deployment named twice in a pool',
    small({ pools: '{ fast: { tiers: [[mini], [mini]] } }' }),
    [/^pools\.fast\.tiers\[1\]\[0\]: "mini" again; each once$/],
  ],
  [
    'an impossible duration',
    small({ more: 'retention: { jobs: 24 hours }' }),
    [/^retention\.jobs: "24 hours"; a duration/],
  ],
  [
    'an impossible range',
    small({ more: 'webhooks: { allow: [10.0.0.0/33] }' }),
    [/^webhooks\.allow\[0\]: "10\.0\.0\.0\/33"; an address range/],
  ],
  [
    'a URL with a password',
    small().replace('api_key: k', 'base_url: "https://u:hunter2@h/v1"'),
    [/^providers\.a\.base_url: "https:\/\/…@h\/v1"; an http/],
  ],
  [
    'a missing model',
    small().replace(', model: m', ''),
    [/^deployments\.mini\.model: nothing; a text$/],
  ],
  [
    'an empty section',
    'providers:\n',
    [/^providers: nothing \(an empty value\)/, /^deployments: nothing;/, /^pools: nothing;/],
  ],
  ['no file at all', '', [/^: nothing \(an empty value\); a section with providers/]],
  ['a list as file', '[1]', [/^: a list of 1; a section with providers/]],
  [
    'broken YAML',
    'providers: { a: [ }',
    [/; well-formed YAML( \(\d+ more after it, likely of the same\))?$/],
  ],
  [
    'one slip that spoils the rest',
    'providers:\n  a: { type: openai\n  b: { type: openai }\n  c: { type: openai }\npools: [',
    [/; well-formed YAML \(\d+ more after it, likely of the same\)$/],
  ],
  [
    'a bad placeholder',
    small().replace('api_key: k', 'api_key: "${1x}"'),
    [/^providers\.a\.api_key: \$\{1x\}; \$\{NAME\}/],
  ],
  [
    'the name of a bucket that is too short',
    small({ more: 'files: { store: s3, bucket: bk }' }),
    [/^files\.bucket: "?bk"?; .*3 to 63 of a-z, 0-9/],
  ],
];

for (const [what, text, expected] of WRONG) {
  test(`${what} is a mistake that names the place, the value and what is allowed`, () => {
    const found = mistakes(load(text));
    for (const pattern of expected)
      assert.ok(
        found.some((one) => pattern.test(one)),
        `${pattern}\n${found.join('\n')}`,
      );
  });
}

test('mistakes know their line', () => {
  const result = load(small({ deployment: ', weight: -1' }));
  assert.deepEqual(
    result.kind === 'invalid' && result.mistakes.map(({ path, line }) => [path, line]),
    [['deployments.mini.weight', 4]],
  );
});

test('no secret is ever quoted, literal or filled in', () => {
  const secret = 'sk-very-secret';
  const text = `
providers: { a: { type: openai, api_key: [${secret}], headers: { x: ["${secret}"] }, base_url: "\${S}" } }
deployments: { mini: { provider: "\${S}", model: m, weight: "\${S}", params: ${secret} } }
pools: { fast: ["\${S}"] }
tenants: { t: { api_keys: [${secret} , ${secret}], pools: ["\${S}"] } }
admin: { api_keys: ["a b ${secret}"] }
webhooks: { secret: "${secret}" }
`;
  const report = mistakes(load(text, { S: secret })).join('\n');
  assert.ok(!report.includes(secret), report);
  assert.match(report, /deployments\.mini\.weight: "\$\{S\}"/);
});

test('a number may come from a variable', () => {
  const { fleet } = ok(load(small({ deployment: ', limits: { rpm: "${RPM:-90}" }' })));
  assert.equal(fleet.budgets.get('mini')?.limits.rpm, 90);
});

const booked = (deployment: string) =>
  ok(load(small({ deployment }))).fleet.deployments.get('mini')?.defaultMaxTokens;

test('what params, or an output_cap, put in as the maximum is what a request without one is booked with', () => {
  assert.equal(booked(', default_max_tokens: 300'), 300);
  assert.equal(booked(', default_max_tokens: 300, params: { max_tokens: 4000 }'), 4_000);
  assert.equal(booked(', default_max_tokens: 300, output_cap: 200'), 200);
});

test('output is charged as the deployment, its provider, or the vendor of its type does', () => {
  const { fleet, warnings } = ok(
    load(`
providers:
  a: { type: openai, accounting: { output: actual } }
  b: { type: openai }
deployments:
  one: { provider: a, model: m, budget: org }
  two: { provider: a, model: m, accounting: { output: max_tokens } }
  three: { provider: b, model: m, budget: [org, team] }
budgets: { org: { rpm: 5 }, team: { rpm: 1, accounting: { output: actual } } }
pools: { p: [one, two, three] }
`),
  );
  const charges = [...fleet.budgets.values()].map(({ id, outputCharge, root }) => [
    id,
    outputCharge,
    root,
  ]);
  assert.deepEqual(charges, [
    ['one', 'actual', 'org'],
    ['two', 'max_tokens', 'two'],
    ['three', 'max_tokens', 'org'],
    ['org', 'max_tokens', 'org'],
    ['team', 'actual', 'org'],
  ]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] as string, /^budgets\.org: its deployments count output differently/);
});

test('a file that cannot be read is a mistake too', () => {
  const result = loadConfig({ source: { path: '/nowhere/sluice.yaml' }, env: {} });
  assert.deepEqual(mistakes(result), [
    ': /nowhere/sluice.yaml: ENOENT; a file that can be read by this process',
  ]);
});

test('accounting: the vendor’s way, a provider’s and a deployment’s words over it, one by one; a shared budget the most careful', () => {
  const { fleet } = ok(
    load(`
providers:
  a: { type: openai, api_key: k }
  c: { type: anthropic, api_key: k }
  bedrock: { type: openai, accounting: { reservation: released, output_multiplier: 5 } }
deployments:
  one: { provider: a, model: m }
  two: { provider: c, model: m, budget: org }
  three: { provider: bedrock, model: m, budget: org, accounting: { failed_requests: free } }
budgets: { org: { tpm: 5 } }
pools: { f: [one, two, three] }
`),
  );
  const { deployments, budgets } = fleet;
  const usual = { failedRequests: 'count', outputMultiplier: 1, inputAndOutput: 'sum' };
  const openai = { ...usual, output: 'max_tokens', cachedInput: 'counts' };
  assert.deepEqual(deployments.get('one')?.accounting, openai);
  const anthropic = { ...usual, output: 'actual', cachedInput: 'free' };
  assert.deepEqual(deployments.get('two')?.accounting, anthropic);
  const said = { output: 'released', failedRequests: 'free', outputMultiplier: 5 };
  assert.deepEqual(deployments.get('three')?.accounting, { ...openai, ...said });
  assert.deepEqual(
    ['org', 'three'].map((id) => budgets.get(id)?.outputCharge),
    ['released', 'released'],
  );
});

test('what is as large as may be loads: ten years, and an anchor used hundreds of times', () => {
  const names = Array.from({ length: 300 }, (_, i) => `d${i}: *usual`);
  const text = `
providers: { a: { type: openai, api_key: k } }
deployments: { first: &usual { provider: a, model: m, limits: { rpm: 1e15, tpd: 0.001 } }, ${names.join(', ')} }
pools: { fast: [first] }
retention: { jobs: 3650d }`;
  const { fleet, config } = ok(load(text));
  assert.equal(fleet.deployments.size, 301);
  assert.equal(config.retention.jobsMs, 315_360_000_000);
});
