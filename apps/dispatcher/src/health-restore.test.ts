import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import { HealthBook } from './health.ts';

function bookOf(key: string, model = 'm') {
  const text = `
providers: { p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: ${key} } }
deployments: { mini: { provider: p, model: ${model} } }
pools: { fast: [mini] }
`;
  const loaded = loadConfig({ source: { text }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const clock = { now: 1_000_000 };
  const ports = {
    now: () => clock.now,
    random: () => 0.5,
    wishOf: () => 'active' as const,
    batchTraffic: () => false,
    reaches: () => [['mini']],
  };
  return { book: new HealthBook(loaded.fleet, ports), clock };
}

const loads = (credential: number) =>
  new Map([
    [
      'mini',
      { ok: 0, byOutcome: { credential }, consecutiveFailures: 0, since: null } as DeploymentLoad,
    ],
  ]);

/** What a leader leaves whose only deployment refused the key `old`. */
function leftBehind(): Record<string, string> {
  const { book } = bookOf('old');
  book.look(loads(0));
  book.look(loads(1));
  assert.equal(book.stateOf('mini'), 'blocked');
  assert.match(book.reasonOf('mini') ?? '', /refused its credential; tried again once a minute/);
  return book.published(new Map());
}

test('a deployment with another key or model than the one that was refused starts anew', () => {
  for (const { book } of [bookOf('new'), bookOf('old', 'other')]) {
    book.restore(leftBehind());
    assert.equal(book.stateOf('mini'), 'active');
    assert.equal(book.reasonOf('mini'), null);
  }
});

test('a new leader tries what is blocked at once, and says so', () => {
  const { book } = bookOf('old');
  book.restore(leftBehind());
  assert.equal(book.stateOf('mini'), 'half_open');
  assert.match(book.reasonOf('mini') ?? '', /being tried again now$/);
  book.look(loads(1));
  book.look(loads(2));
  assert.equal(book.stateOf('mini'), 'blocked', 'refused again');
});

test('no key is left behind', () => {
  const { book } = bookOf('sk-secret-of-mine');
  assert.equal(JSON.stringify(book.published(new Map())).includes('secret'), false);
});
