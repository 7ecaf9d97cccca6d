import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FailureClass } from '@sluice/job';
import { ADAPTERS } from './adapters.ts';

/** A bare status, without a word: what a proxy in front of a provider says. The same for every format. */
const BY_STATUS: [number, FailureClass][] = [
  [400, 'bad_request'],
  [401, 'credential'],
  [402, 'quota_exhausted'],
  [403, 'credential'],
  [404, 'model_gone'],
  [405, 'model_gone'],
  [408, 'timeout'],
  [409, 'provider_error'],
  [410, 'model_gone'],
  [413, 'bad_request'],
  [422, 'bad_request'],
  [424, 'provider_error'],
  [425, 'provider_error'],
  [429, 'rate_limited'],
  [431, 'bad_request'],
  [498, 'overloaded'],
  [500, 'provider_error'],
  [502, 'provider_error'],
  [503, 'overloaded'],
  [504, 'timeout'],
  [520, 'provider_error'],
  [522, 'timeout'],
  [524, 'timeout'],
  [529, 'overloaded'],
];

for (const adapter of Object.values(ADAPTERS)) {
  for (const [status, outcome] of BY_STATUS) {
    test(`${adapter.type}: a bare ${status} is ${outcome}`, () => {
      const response = { status, headers: {}, text: '' };
      const answer = adapter.readAnswer('/v1/chat/completions', response);
      assert.deepEqual([answer.outcome, answer.statusCode], [outcome, status]);
      assert.equal(answer.message, `HTTP ${status} without a message`);
    });
  }
}

/** Statuses that a client would take for something else, or for nothing. */
for (const adapter of Object.values(ADAPTERS)) {
  for (const status of [301, 304, 399, 600, 999]) {
    test(`${adapter.type}: a ${status} is a provider's error, told as 502`, () => {
      const text = status === 304 ? '' : '{"error":{"message":"elsewhere"}}';
      const answer = adapter.readAnswer('/v1/chat/completions', { status, headers: {}, text });
      assert.deepEqual([answer.outcome, answer.statusCode], ['provider_error', 502]);
      const said = status === 304 ? 'HTTP 304 without a message' : 'elsewhere';
      assert.equal(answer.message, said);
    });
  }
}
