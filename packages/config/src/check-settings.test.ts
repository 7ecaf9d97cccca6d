/** A strategy's settings in a config file: what is right loads, what is wrong is named with place, value and what is allowed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load-config.ts';

/** Three deployments in two tiers, `mini` at two providers. */
function load(strategy: string, tiers = '[[mini, next], [last]]'): string[] {
  const text = `
providers: { a: { type: openai, api_key: k }, b: { type: openai, api_key: l } }
deployments:
  mini: { provider: [a, b], model: m, region: eu-west }
  next: { provider: a, model: n, region: us-east }
  last: { provider: a, model: o }
pools: { fast: { tiers: ${tiers}, strategy: ${strategy} } }
`;
  const result = loadConfig({
    source: { text },
    env: { HALF: '50', STRICT: 'true' },
    readFile: () => '',
  });
  if (result.kind === 'ok') return [];
  return result.mistakes.map(({ path, found, allowed }) => `${path}: ${found}; ${allowed}`);
}

const RIGHT = [
  '{ name: split, arms: { mini: 95, next: 5 } }',
  '{ name: split, arms: { mini@a: 33.33, mini@b: 33.33, next: 33.33 } }',
  '{ name: split, arms: { mini: "${HALF}", next: 50 } }',
  '{ name: split, arms: { mini: 95, next: 5 }, strict: true }',
  '{ name: split, arms: { mini@a: 50, mini@b: 50, next: 0 }, strict: "${STRICT}" }',
  '{ name: region, prefer: [us-east, eu-west] }',
  '{ name: hash, epsilon: 0.5 }',
  '{ name: hash }',
  '{ name: cost, within_percent: 10, max_wait_ms: 0 }',
  '{ name: adaptive, hot_ms: 100, hot_slots: 1 }',
  '{ name: error_weighted, power: 3 }',
  'random',
  'least_busy',
  'latency',
  'adaptive',
  'cost',
  'error_weighted',
  'hash',
];

for (const strategy of RIGHT) test(`${strategy} loads`, () => assert.deepEqual(load(strategy), []));

const at = 'pools.fast.strategy';
const WRONG: [strategy: string, ...mistakes: string[]][] = [
  [
    '{ name: split, arms: { mini: 90, next: 5 } }',
    `${at}.arms: 95 percent in all; percentages that add up to 100`,
  ],
  [
    '{ name: split, arms: { minni: 90, next: 10 } }',
    `${at}.arms.minni: "minni"; a deployment of the pool: mini, mini@a, mini@b, next, last`,
  ],
  [
    '{ name: split, arms: { mini: 110, next: -10 } }',
    `${at}.arms.mini: 110; a percentage from 0 to 100`,
    `${at}.arms.next: -10; a percentage from 0 to 100`,
  ],
  [
    '{ name: split, arms: { mini: many, next: 10 } }',
    `${at}.arms.mini: "many"; a percentage from 0 to 100`,
  ],
  [
    '{ name: split, arms: { mini: 50, last: 50 } }',
    `${at}.arms.last: "last"; arms that are all in one tier: mini is in tier 1`,
  ],
  [
    '{ name: split, arms: { mini: 50, mini@a: 50 } }',
    `${at}.arms.mini@a: "mini@a"; each deployment in one arm: mini without @ means all of it`,
  ],
  [
    '{ name: split, arms: { mini: 95, next: 5 }, strict: yes-please }',
    `${at}.strict: "yes-please"; true or false`,
  ],
  [
    '{ name: split, arms: { mini@a: 95, next: 5 }, strict: true }',
    `${at}.arms: no percentage for mini@b; with \`strict\` a percentage for every deployment of the tier (0 = nothing)`,
  ],
  [
    'split',
    `${at}.arms: nothing; deployments of the pool, each with its percentage, 100 in all: \`{ mini: 95, next: 5 }\``,
  ],
  [
    '{ name: split, arms: [mini] }',
    `${at}.arms: a list of 1; deployments of the pool, each with its percentage, 100 in all: \`{ mini: 95, next: 5 }\``,
  ],
  [
    '{ name: region, prefer: [eu-west, eu-wst, eu-west] }',
    `${at}.prefer[1]: "eu-wst"; a region of the pool’s deployments: eu-west, us-east`,
    `${at}.prefer[2]: "eu-west" again; each region once`,
  ],
  [
    '{ name: region, prefer: eu-west }',
    `${at}.prefer: "eu-west"; a list of regions, the nearest first, not empty`,
  ],
  [
    '{ name: hash, epsilon: -1, size: 5 }',
    `${at}.size: the setting "size"; epsilon`,
    `${at}.epsilon: -1; a number from 0 to 100`,
  ],
  ['{ name: adaptive, hot_slots: 84 }', `${at}.hot_slots: 84; a number from 0 to 1`],
  ['{ name: cost, max_wait_ms: soon }', `${at}.max_wait_ms: "soon"; a number from 0 to 2592000000`],
  [
    '{ name: error_weighted, power: ~ }',
    `${at}.power: nothing (an empty value); a number from 0 to 10`,
  ],
];

for (const [strategy, ...mistakes] of WRONG)
  test(`${strategy} is refused`, () => assert.deepEqual(load(strategy), mistakes));

test('an arm whose deployments stand in two tiers is refused', () => {
  assert.deepEqual(
    load('{ name: split, arms: { mini: 50, next: 50 } }', '[[mini@a, next], [mini@b]]'),
    [`${at}.arms.mini: "mini"; arms that are all in one tier: mini is in tier 1`],
  );
});

test('a region that no deployment has says so', () => {
  assert.deepEqual(load('{ name: region, prefer: [eu] }', '[[last]]'), [
    `${at}.prefer[0]: "eu"; a region of the pool’s deployments: none of the pool’s deployments has one`,
  ]);
});
