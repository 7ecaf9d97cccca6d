import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { anthropic } from './anthropic.ts';
import { anthropicFailure } from './anthropic-errors.ts';
import type { Failure } from './wire-format.ts';

function named(raw: string[]): Record<string, string> {
  const names = raw.filter((_, at) => at % 2 === 0);
  return Object.fromEntries(names.map((name, at) => [name, raw[2 * at + 1] as string]));
}

function facts(failure: Failure): unknown[] {
  const { status, body } = anthropicFailure(failure, 1);
  return [status, JSON.parse(body).error.type];
}

describe('the Anthropic format', () => {
  it('says which limit, and to wait whole seconds', () => {
    const failure: Failure = {
      kind: 'rate_limited',
      model: 'claude-x',
      limit: 'itpm',
      value: 50_000,
      used: 49_999,
      requested: 10,
      waitMs: 1_001,
    };
    const reply = anthropicFailure(failure, 7);
    assert.deepEqual([reply.status, reply.headers], [429, ['retry-after', '2']]);
    const body = JSON.parse(reply.body);
    assert.deepEqual([body.type, body.request_id], ['error', 'req_sim7']);
    assert.equal(body.error.type, 'rate_limit_error');
    assert.match(body.error.message, /of 50,000 input tokens per minute \(model: claude-x\)/);
  });

  it('has the vendor’s type for every failure', () => {
    assert.deepEqual(facts({ kind: 'unknown_key' }), [401, 'authentication_error']);
    assert.deepEqual(facts({ kind: 'model_gone', model: 'm' }), [404, 'not_found_error']);
    assert.deepEqual(facts({ kind: 'quota_exhausted', status: undefined }), [402, 'billing_error']);
    assert.deepEqual(facts({ kind: 'server_error', status: 500 }), [500, 'api_error']);
    assert.deepEqual(facts({ kind: 'server_error', status: 529 }), [529, 'overloaded_error']);
    assert.deepEqual(facts({ kind: 'content_refused' }), [400, 'invalid_request_error']);
    assert.deepEqual(facts({ kind: 'too_large' }), [413, 'request_too_large']);
    const spent = anthropicFailure({ kind: 'quota_exhausted', status: 429 }, 1);
    assert.equal(JSON.parse(spent.body).error.details.error_code, 'enforced_spend_limit_reached');
    assert.deepEqual(spent.headers, []);
  });

  it('rounds token remainders to thousands, names instants, and shows the tightest token limit', () => {
    const limits = new Map([
      ['rpm', { perMinute: 1_000, remaining: 999.7, resetMs: 60 }],
      ['itpm', { perMinute: 80_000, remaining: 79_400, resetMs: 450 }],
      ['otpm', { perMinute: 16_000, remaining: 7_501, resetMs: 31_900 }],
    ] as const);
    const wallMs = Date.UTC(2026, 10, 20, 12, 0, 0, 200);
    assert.deepEqual(named(anthropic.rateLimitHeaders(limits, wallMs)), {
      'anthropic-ratelimit-requests-limit': '1000',
      'anthropic-ratelimit-requests-remaining': '999',
      'anthropic-ratelimit-requests-reset': '2026-11-20T12:00:01Z',
      'anthropic-ratelimit-tokens-limit': '16000',
      'anthropic-ratelimit-tokens-remaining': '8000',
      'anthropic-ratelimit-tokens-reset': '2026-11-20T12:00:33Z',
      'anthropic-ratelimit-input-tokens-limit': '80000',
      'anthropic-ratelimit-input-tokens-remaining': '79000',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-20T12:00:01Z',
      'anthropic-ratelimit-output-tokens-limit': '16000',
      'anthropic-ratelimit-output-tokens-remaining': '8000',
      'anthropic-ratelimit-output-tokens-reset': '2026-11-20T12:00:33Z',
    });
  });
});
