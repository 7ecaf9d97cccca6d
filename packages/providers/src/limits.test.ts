import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLimits } from './limits.ts';

const DATE = { date: 'Tue, 04 Nov 2025 14:12:09 GMT' };

function openaiHeaders(requests: [string, string, string], tokens?: [string, string, string]) {
  const headers: Record<string, string> = { ...DATE };
  for (const [what, values] of [
    ['requests', requests],
    ['tokens', tokens],
  ] as const) {
    if (!values) continue;
    headers[`x-ratelimit-limit-${what}`] = values[0];
    headers[`x-ratelimit-remaining-${what}`] = values[1];
    headers[`x-ratelimit-reset-${what}`] = values[2];
  }
  return headers;
}

test('OpenAI: requests and tokens per minute', () => {
  assert.deepEqual(
    readLimits(openaiHeaders(['500', '499', '120ms'], ['200000', '199968', '9ms'])),
    [
      { dimension: 'rpm', limit: 500, remaining: 499, resetMs: 120 },
      { dimension: 'tpm', limit: 200_000, remaining: 199_968, resetMs: 9 },
    ],
  );
});

test('OpenAI: a daily limit betrays itself by its slow refill', () => {
  const [report] = readLimits(openaiHeaders(['10000', '9999', '8.64s']));
  assert.equal(report?.dimension, 'rpd');
});

test('an exhausted minute is still a minute', () => {
  const [report] = readLimits(openaiHeaders(['500', '0', '1m0s']));
  assert.equal(report?.dimension, 'rpm');
});

test('Groq: requests are per day, tokens per minute', () => {
  const headers = {
    ...openaiHeaders(['14400', '14400', '0s'], ['18000', '17997', '7.66s']),
    'x-groq-region': 'us-west-1',
  };
  assert.deepEqual(
    readLimits(headers).map(({ dimension, limit, resetMs }) => [dimension, limit, resetMs]),
    [
      ['rpd', 14_400, 0],
      ['tpm', 18_000, 7660],
    ],
  );
});

test('Azure: whole seconds; -1 is no limit', () => {
  assert.deepEqual(readLimits(openaiHeaders(['-1', '-1', '0'], ['30000', '29000', '2'])), [
    { dimension: 'tpm', limit: 30_000, remaining: 29_000, resetMs: 2000 },
  ]);
});

test('Anthropic: instants, by the clock of the provider; tokens are rounded to a thousand; the ambiguous `tokens` is not read', () => {
  const headers: Record<string, string> = { ...DATE };
  for (const [what, limit, remaining] of [
    ['requests', '1000', '999'],
    ['tokens', '96000', '95000'],
    ['input-tokens', '80000', '79000'],
    ['output-tokens', '16000', '16000'],
  ] as const) {
    headers[`anthropic-ratelimit-${what}-limit`] = limit;
    headers[`anthropic-ratelimit-${what}-remaining`] = remaining;
    headers[`anthropic-ratelimit-${what}-reset`] = '2025-11-04T14:12:10Z';
  }
  assert.deepEqual(readLimits(headers), [
    { dimension: 'rpm', limit: 1000, remaining: 999, resetMs: 1000 },
    { dimension: 'itpm', limit: 80_000, remaining: 79_500, resetMs: 1000 },
    { dimension: 'otpm', limit: 16_000, remaining: 16_000, resetMs: 1000 },
  ]);
  delete headers['date'];
  const atNine = Date.parse('2025-11-04T14:12:09Z');
  assert.equal(readLimits(headers, atNine)[0]?.resetMs, 1000);
  assert.equal(readLimits(headers)[0]?.resetMs, null);
});

test('Mistral, Cerebras and Fireworks name their windows', () => {
  const headers = {
    'x-ratelimit-limit-req-minute': '60',
    'x-ratelimit-remaining-req-minute': '0',
    'x-ratelimit-limit-tokens-minute': '500000',
    'x-ratelimit-limit-requests-day': '14400',
    'x-ratelimit-limit-tokens-generated': '36000',
  };
  assert.deepEqual(
    readLimits(headers).map(({ dimension, limit, remaining }) => [dimension, limit, remaining]),
    [
      ['rpm', 60, 0],
      ['tpm', 500_000, null],
      ['rpd', 14_400, null],
      ['otpm', 36_000, null],
    ],
  );
});

test('a limit of 0 is a provider that does not say, not a budget of nothing', () => {
  assert.deepEqual(readLimits(openaiHeaders(['0', '0', '0'])), []);
});

test('no headers, no reports', () => assert.deepEqual(readLimits({}), []));
