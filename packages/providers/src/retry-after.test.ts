import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRetryAfter } from './retry-after.ts';

const read = (headers: Record<string, string>, error: Record<string, unknown> | null = null) =>
  readRetryAfter({ status: 429, headers, text: '' }, error);

test('milliseconds go before seconds', () => {
  assert.equal(read({ 'retry-after-ms': '1250.4', 'retry-after': '2' }), 1251);
  assert.equal(read({ 'retry-after-ms': 'x', 'retry-after': '2' }), 2000);
});

test('seconds, also with a fraction, and dates by the clock of the provider', () => {
  assert.equal(read({ 'retry-after': '1.5' }), 1500);
  const date = 'Tue, 04 Nov 2025 14:12:09 GMT';
  assert.equal(read({ 'retry-after': 'Tue, 04 Nov 2025 14:13:09 GMT', date }), 60_000);
  assert.equal(read({ 'retry-after': 'Tue, 04 Nov 2025 14:13:09 GMT' }), null);
});

test('headers go before the body, RetryInfo before the words', () => {
  const error = { message: 'Please try again in 7m12s.', details: [{ retryDelay: '46s' }] };
  assert.equal(read({ 'retry-after': '3' }, error), 3000);
  assert.equal(read({}, error), 46_000);
  assert.equal(read({}, { message: 'Please try again in 1m0s.' }), 60_000);
  assert.equal(read({}, { message: 'Please try again later.' }), null);
});

test('a minute at most, wherever it is said', () => {
  const message = 'Please try again in 7m12s.';
  for (const text of ['61', '86400', '1000000000', '9'.repeat(400)])
    assert.equal(read({ 'retry-after': text }), 60_000, text.slice(0, 20));
  assert.equal(read({ 'retry-after-ms': '1000000000' }), 60_000);
  assert.equal(read({ 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT', date: PAST }), 60_000);
  assert.equal(read({}, { details: [{ retryDelay: '86400s' }] }), 60_000);
  assert.equal(read({}, { message }), 60_000);
});

const PAST = 'Wed, 21 Oct 2015 07:28:00 GMT';

test('what is no wait is ignored: negative, no number, a moment that has passed', () => {
  for (const text of ['-5', 'NaN', 'Infinity', '1e9', '', 'soon'])
    assert.equal(read({ 'retry-after': text, date: PAST }), null, text);
  assert.equal(read({ 'retry-after': PAST, date: 'Tue, 04 Nov 2025 14:12:09 GMT' }), null);
  assert.equal(read({ 'retry-after': '0' }), 0);
});
