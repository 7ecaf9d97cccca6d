import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openai } from './openai.ts';
import { goDuration, openaiFailure } from './openai-errors.ts';
import type { Failure, RateLimited } from './wire-format.ts';

const LIMITED: RateLimited = {
  kind: 'rate_limited',
  model: 'gpt-x',
  limit: 'tpm',
  value: 10_000,
  used: 9_950.4,
  requested: 120,
  waitMs: 421.3,
};

function named(raw: string[]): Record<string, string> {
  const names = raw.filter((_, at) => at % 2 === 0);
  return Object.fromEntries(names.map((name, at) => [name, raw[2 * at + 1] as string]));
}

function facts(failure: Failure): unknown[] {
  const { status, body } = openaiFailure(failure);
  const { type, code, param } = JSON.parse(body).error;
  return [status, type, code, param];
}

describe('the OpenAI format', () => {
  it('prints durations as Go does, never too short', () => {
    const cases: [number, string][] = [
      [0, '0s'],
      [11.2, '12ms'],
      [999.5, '1s'],
      [1_000, '1s'],
      [8_640, '8.64s'],
      [60_000, '1m0s'],
      [360_000, '6m0s'],
      [86_400, '1m26.4s'],
      [3_600_000, '1h0m0s'],
    ];
    for (const [ms, text] of cases) assert.equal(goDuration(ms), text);
  });

  it('says which limit, how much and how long, in body and headers', () => {
    const reply = openaiFailure(LIMITED);
    assert.equal(reply.status, 429);
    const { error } = JSON.parse(reply.body);
    assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code']);
    assert.deepEqual(
      [error.type, error.code, error.param],
      ['tokens', 'rate_limit_exceeded', null],
    );
    assert.match(
      error.message,
      /^Rate limit reached for gpt-x on tokens per min \(TPM\): Limit 10000, Used 9950, Requested 120\. Please try again in 422ms\./,
    );
    assert.deepEqual(reply.headers, ['retry-after', '1', 'retry-after-ms', '422']);
    const requests = JSON.parse(openaiFailure({ ...LIMITED, limit: 'rpm' }).body).error;
    assert.equal(requests.type, 'requests');
    const day = JSON.parse(openaiFailure({ ...LIMITED, limit: 'rpd', waitMs: 3_600_000 }).body);
    assert.match(day.error.message, /on requests per day \(RPD\): .* try again in 1h0m0s\./);
  });

  it('has headers for requests and tokens', () => {
    const limits = new Map([
      ['rpm', { perMinute: 900, remaining: 14.9, resetMs: 6 }],
      ['tpm', { perMinute: 60_000, remaining: -3, resetMs: 61_000 }],
    ] as const);
    assert.deepEqual(named(openai.rateLimitHeaders(limits, 0)), {
      'x-ratelimit-limit-requests': '900',
      'x-ratelimit-remaining-requests': '14',
      'x-ratelimit-reset-requests': '6ms',
      'x-ratelimit-limit-tokens': '60000',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '1m1s',
    });
    assert.deepEqual(openai.rateLimitHeaders(new Map(), 0), []);
  });

  it('has a type and a code for every failure', () => {
    const invalid = 'invalid_request_error';
    assert.deepEqual(facts({ kind: 'unknown_key' }), [401, invalid, 'invalid_api_key', null]);
    assert.deepEqual(facts({ kind: 'bad_request', message: 'x', param: 'n' }), [
      400,
      invalid,
      null,
      'n',
    ]);
    assert.deepEqual(facts({ kind: 'quota_exhausted', status: undefined }), [
      429,
      'insufficient_quota',
      'insufficient_quota',
      null,
    ]);
    assert.deepEqual(facts({ kind: 'server_error', status: 500 }), [
      500,
      'server_error',
      null,
      null,
    ]);
  });
});
