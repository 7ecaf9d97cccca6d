import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conditions, Route } from './conditions.ts';
import { route } from './route.ts';
import type { RequestFacts } from './route.ts';

/** A Wednesday, 21:30 in Zurich (summer time). */
const NOW = Date.UTC(2026, 6, 1, 19, 30);

const request = (more: Partial<RequestFacts> = {}): RequestFacts => ({
  endpoint: '/v1/chat/completions',
  model: 'gpt-4o-mini',
  pool: 'fast',
  tenant: 'team-a',
  priority: 'normal',
  shape: { characters: 4_000, maxOutput: 500, inputs: 1 },
  body: { messages: [{ role: 'user', content: 'hi' }] },
  metadata: { purpose: 'eval-7', owner: 'x' },
  key: 'k',
  ...more,
});

const to = (pool: string, when: Conditions, more: Partial<Route> = {}): Route => ({
  name: null,
  when,
  arms: [{ pool, percent: 100 }],
  maxTier: null,
  priority: null,
  ...more,
});

const takes = (when: Conditions, more: Partial<RequestFacts> = {}, now = NOW): boolean =>
  route(request(more), [to('taken', when)], now).pool === 'taken';

const image = { type: 'image_url', image_url: { url: 'data:' } };
const ALL_DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const zone = 'Europe/Zurich';
const at = (hour: number, minute = 0): number => 60 * hour + minute;

const CASES: [when: Conditions, more: Partial<RequestFacts>, taken: boolean][] = [
  [{}, {}, true],
  [{ endpoint: ['/v1/embeddings', '/v1/chat/completions'] }, {}, true],
  [{ endpoint: ['/v1/embeddings'] }, {}, false],
  [{ model: ['gpt-4*'] }, {}, true],
  [{ model: ['fast'] }, {}, true],
  [{ model: ['smart', 'claude*'] }, {}, false],
  [{ model: ['claude*'] }, { model: 'claude-x', pool: null }, true],
  [{ tenant: ['team-b'] }, {}, false],
  [{ priority: ['interactive', 'normal'] }, {}, true],
  [{ inputTokens: { min: 1_000 } }, {}, true],
  [{ inputTokens: { min: 1_001 } }, {}, false],
  [{ inputTokens: { max: 999 } }, {}, false],
  [{ outputTokens: { min: 100, max: 500 } }, {}, true],
  [{ outputTokens: { max: 500 } }, { shape: { characters: 1, maxOutput: null, inputs: 1 } }, false],
  [{ outputTokens: { min: 500 } }, { shape: { characters: 1, maxOutput: null, inputs: 1 } }, true],
  [{ tools: true }, {}, false],
  [{ tools: false }, { body: { tools: [] } }, true],
  [{ tools: true }, { body: { tools: [{ type: 'function' }] } }, true],
  [{ tools: true }, { body: { functions: [{ name: 'f' }] } }, true],
  [{ images: true }, {}, false],
  [{ images: true }, { body: { messages: [{ content: [{ type: 'text' }, image] }] } }, true],
  [{ images: true }, { body: { input: [{ type: 'input_image' }] } }, true],
  [{ images: true }, { body: { input: [{ content: [{ type: 'input_image' }] }] } }, true],
  [{ images: false }, { body: { input: [null, 'text', [1]] } }, true],
  [{ jsonSchema: true }, { body: { response_format: { type: 'json_schema' } } }, true],
  [{ jsonSchema: true }, { body: { text: { format: { type: 'json_schema' } } } }, true],
  [{ jsonSchema: true }, { body: { response_format: { type: 'json_object' } } }, false],
  [{ metadata: { purpose: ['eval-*'], owner: ['x', 'y'] } }, {}, true],
  [{ metadata: { purpose: ['prod'] } }, {}, false],
  [{ metadata: { absent: ['*'] } }, {}, false],
  [{ metadata: { toString: ['*'] } }, {}, false],
  [{ tags: ['purpose', 'owner'] }, {}, true],
  [{ tags: ['purpose', 'absent'] }, {}, false],
  [{ metadata: { purpose: ['x'] } }, { body: { metadata: { purpose: 'x' } } }, false],
  [{ metadata: { step: ['1'] }, tags: ['step'] }, { body: { metadata: { step: '1' } } }, true],
  [{ tags: ['step'] }, { body: { metadata: { step: 1 } } }, false],
  [{ time: { from: at(21, 30), to: at(22), days: ALL_DAYS, zone } }, {}, true],
  [{ time: { from: at(21), to: at(21, 30), days: ALL_DAYS, zone } }, {}, false],
  [{ time: { from: at(21), to: at(22), days: ['thu'], zone } }, {}, false],
  [{ time: { from: at(20), to: at(6), days: ['wed'], zone } }, {}, true],
  [{ time: { from: at(19, 30), to: at(19, 31), days: ['wed'], zone: 'UTC' } }, {}, true],
  [{ tenant: ['team-a'], endpoint: ['/v1/embeddings'] }, {}, false],
];

for (const [when, more, taken] of CASES)
  test(`${JSON.stringify(when)} ${taken ? 'takes' : 'leaves'} ${JSON.stringify(more)}`, () =>
    assert.equal(takes(when, more), taken));

test('a window over midnight belongs to the day on which it begins, also where clocks change', () => {
  const night = { time: { from: at(22), to: at(6), days: ['sat'], zone } } as const;
  // The night to 29 March 2026: from 02:00 clocks show 03:00.
  const hours = (utc: number): boolean => takes(night, {}, Date.UTC(2026, 2, 28, utc));
  assert.deepEqual([20, 21, 26, 27, 28].map(hours), [false, true, true, true, false]);
  assert.equal(takes(night, {}, Date.UTC(2026, 2, 28, 2)), false);
});

test('the first route that takes it decides; without one, the pool it named', () => {
  const routes = [
    to('long', { inputTokens: { min: 10_000 } }),
    to('night', { tenant: ['team-a'] }, { name: 'late', maxTier: 1, priority: 'low' }),
    to('never', {}),
  ];
  assert.deepEqual(route(request(), routes, NOW), {
    pool: 'night',
    route: 'late',
    maxTier: 1,
    priority: 'low',
    why: 'route late (tenant) sends gpt-4o-mini to night',
  });
  const long = { shape: { characters: 40_000, maxOutput: null, inputs: 1 } };
  const { why, ...rest } = route(request(long), routes, NOW);
  assert.deepEqual(rest, { pool: 'long', route: 0, maxTier: null, priority: null });
  assert.equal(why, 'route 0 (inputTokens) sends gpt-4o-mini to long');
  const other = route(request({ tenant: 'b' }), routes.slice(0, 2), NOW);
  assert.deepEqual([other.pool, other.route], ['fast', null]);
  assert.equal(other.why, 'no route takes it: gpt-4o-mini names fast');
});

test('a name that is no pool stays unknown unless a route names it', () => {
  const unknown = { model: 'gpt-5x', pool: null };
  const routes = [to('all', {}), to('new', { model: ['gpt-5*'] })];
  assert.equal(route(request(unknown), routes, NOW).pool, 'new');
  const mistyped = route(request({ ...unknown, model: 'fasst' }), routes, NOW);
  assert.deepEqual(
    [mistyped.pool, mistyped.why],
    [null, 'fasst is no pool, and no route takes it'],
  );
  assert.equal(route(request(unknown), [], NOW).why, 'gpt-5x is no pool, and there are no routes');
});
