import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load-config.ts';

const file = (routes: string): string => `
providers: { a: { type: openai, api_key: k } }
deployments: { mini: { provider: a, model: m }, big: { provider: a, model: n } }
pools:
  fast: { tiers: [[mini]], aliases: [gpt-4o-mini] }
  smart: [big]
tenants: { team-a: { api_keys: [one] }, team-b: { api_keys: [two] } }
admin: { api_keys: [three] }
routes:
${routes}`;

function mistakes(routes: string): string[] {
  const result = loadConfig({ source: { text: file(routes) }, env: { TEAM: 'team-x' } });
  return result.kind === 'ok'
    ? []
    : result.mistakes.map((one) => `${one.path}: ${one.found}; ${one.allowed}`);
}

test('routes become what the policy reads', () => {
  const result = loadConfig({
    source: {
      text: file(`
  - name: long
    when: { input_tokens: { min: 20000 }, json_schema: true, metadata: { purpose: eval-*, n: [1, 2] } }
    pool: smart
    max_tier: 1
    priority: low
  - when: { model: [gpt-5*], time: { from: '22:00', to: '06:00', days: [fri], zone: Europe/Zurich } }
    pool: { fast: 90, smart: 10 }`),
    },
    env: {},
  });
  assert.ok(result.kind === 'ok');
  assert.deepEqual(result.config.routes, [
    {
      name: 'long',
      when: {
        inputTokens: { min: 20_000 },
        jsonSchema: true,
        metadata: { purpose: ['eval-*'], n: ['1', '2'] },
      },
      arms: [{ pool: 'smart', percent: 100 }],
      maxTier: 1,
      priority: 'low',
    },
    {
      name: null,
      when: {
        model: ['gpt-5*'],
        time: { from: 1_320, to: 360, days: ['fri'], zone: 'Europe/Zurich' },
      },
      arms: [
        { pool: 'fast', percent: 90 },
        { pool: 'smart', percent: 10 },
      ],
      maxTier: null,
      priority: null,
    },
  ]);
});

test('without the section there are none', () => {
  const text = file('').replace('routes:', '');
  const result = loadConfig({ source: { text }, env: {} });
  assert.ok(result.kind === 'ok');
  assert.deepEqual(result.config.routes, []);
});

const WRONG: [what: string, routes: string, expected: RegExp][] = [
  [
    'an unknown pool',
    '- pool: fasst',
    /^routes\[0\]\.pool: "fasst"; did you mean `fast`\? a pool: fast, smart$/,
  ],
  [
    'an alias as pool',
    '- pool: gpt-4o-mini',
    /^routes\[0\]\.pool: "gpt-4o-mini"; .*a pool: fast, smart$/,
  ],
  [
    'an unknown pool in a split',
    '- pool: { fast: 50, smrt: 50 }',
    /^routes\[0\]\.pool\.smrt: the pool "smrt"; did you mean `smart`\?/,
  ],
  [
    'percentages that do not add up',
    '- pool: { fast: 90, smart: 20 }',
    /^routes\[0\]\.pool: percentages that add up to 110; percentages that add up to 100$/,
  ],
  [
    'a percentage below 0',
    '- pool: { fast: 90, smart: -10 }',
    /^routes\[0\]\.pool\.smart: -10; a percentage from 0 to 100$/,
  ],
  [
    'a tier that its pool does not have',
    '- { pool: fast, max_tier: 2 }',
    /^routes\[0\]\.max_tier: 2; 1; fast has one tier$/,
  ],
  [
    'a tier that none of its pools has',
    '- { pool: { smart: 50, fast: 50 }, max_tier: 7 }',
    /^routes\[0\]\.max_tier: 7; 1; smart has one tier$/,
  ],
  [
    'no pool',
    '- when: { tools: true }',
    /^routes\[0\]\.pool: nothing; the name of a pool, or pools/,
  ],
  [
    'an unknown tenant',
    "- { when: { tenant: [team-a, '${TEAM}'] }, pool: fast }",
    /^routes\[0\]\.when\.tenant\[1\]: "\$\{TEAM\}"; .*a tenant: team-a, team-b$/,
  ],
  [
    'an empty range',
    '- { when: { input_tokens: { min: 5, max: 3 } }, pool: fast }',
    /^routes\[0\]\.when\.input_tokens: min 5, max 3; a `min` not above its `max`$/,
  ],
  [
    'a range of nothing',
    '- { when: { output_tokens: {} }, pool: fast }',
    /^routes\[0\]\.when\.output_tokens: an empty range; /,
  ],
  [
    'an unknown time zone',
    '- { when: { time: { zone: Europe/Zurick } }, pool: fast }',
    /^routes\[0\]\.when\.time\.zone: "Europe\/Zurick"; the name of a time zone/,
  ],
  [
    'a time that is none',
    "- { when: { time: { from: '25:00' } }, pool: fast }",
    /^routes\[0\]\.when\.time\.from: "25:00"; a time of day as HH:MM, from 00:00 to 23:59$/,
  ],
  [
    'a time of one digit',
    "- { when: { time: { to: '7:00' } }, pool: fast }",
    /^routes\[0\]\.when\.time\.to: "7:00"; a time of day as HH:MM/,
  ],
  [
    'a window of no time',
    "- { when: { time: { from: '07:00', to: '07:00' } }, pool: fast }",
    /^routes\[0\]\.when\.time: `from` and `to` the same; two different times$/,
  ],
  [
    'no day',
    '- { when: { time: { days: [] } }, pool: fast }',
    /^routes\[0\]\.when\.time\.days: a list of 0; a list of days, not empty: mon,/,
  ],
  [
    'an unknown day',
    '- { when: { time: { days: [monday] } }, pool: fast }',
    /^routes\[0\]\.when\.time\.days\[0\]: "monday"; mon, tue,/,
  ],
  [
    'the same twice',
    '- { when: { tenant: [team-a, team-a] }, pool: fast }',
    /^routes\[0\]\.when\.tenant\[1\]: "team-a" again; each once$/,
  ],
  [
    'an unknown endpoint',
    '- { when: { endpoint: /v1/chat }, pool: fast }',
    /^routes\[0\]\.when\.endpoint: "\/v1\/chat"; \/v1\/chat\/completions,/,
  ],
  [
    'an unknown condition',
    '- { when: { tool: true }, pool: fast }',
    /^routes\[0\]\.when\.tool: an unknown setting \(true\); did you mean `tools`\?/,
  ],
  [
    'a deployment as model',
    '- { when: { model: deployment/mini }, pool: fast }',
    /^routes\[0\]\.when\.model: "deployment\/mini"; a model that is routed/,
  ],
  [
    'a name twice',
    '- { name: x, when: { tools: true }, pool: fast }\n  - { name: x, pool: fast }',
    /^routes\[1\]\.name: "x" again; each once$/,
  ],
  [
    'a route behind one that takes everything',
    '- { name: all, pool: fast }\n  - { when: { tenant: team-a }, pool: smart }',
    /^routes\[1\]: a route that is never reached: routes\[0\] \(all\) takes all that it would take; /,
  ],
  [
    'a route behind a wider one',
    '- { when: { model: gpt-* }, pool: fast }\n  - { when: { model: gpt-5*, tools: true }, pool: smart }',
    /^routes\[1\]: a route that is never reached: routes\[0\] takes/,
  ],
  ['no list', '  fast: smart', /^routes: a section with fast; a list of routes$/],
];

for (const [what, routes, expected] of WRONG)
  test(`${what} is one mistake, at its place`, () => {
    const found = mistakes(`  ${routes}`);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] as string, expected);
  });

test('routes that leave something over for the next are correct', () => {
  assert.deepEqual(
    mistakes(`
  - { when: { model: gpt-5-mini, tools: true }, pool: smart }
  - { when: { model: gpt-5* }, pool: fast }
  - { when: { input_tokens: { max: 100 }, tenant: team-a }, pool: fast }
  - { when: { input_tokens: { max: 200 }, tenant: team-a }, pool: smart }
  - { when: { tenant: team-a, time: { days: [sat, sun] } }, pool: fast }
  - { when: { tenant: team-a }, pool: { fast: 33.3, smart: 66.7 } }
  - pool: fast
  - { when: { model: other-* }, pool: smart }`),
    [],
  );
});
