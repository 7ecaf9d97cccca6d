import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ERRORS } from './error-table.ts';
import { errorsPage } from './errors-page.ts';
import { ApiError, envelope, show } from './errors.ts';
import type { ErrorCode } from './errors.ts';

const page = new URL('../../../docs/errors.md', import.meta.url);

test('docs/errors.md is the table (else: npm run docs)', () => {
  assert.equal(readFileSync(page, 'utf8'), errorsPage());
});

test('every error fills in OpenAI’s envelope, with a status that fits and nothing left blank', () => {
  for (const [code, { status, message }] of Object.entries(ERRORS)) {
    assert.ok(status >= 400 && status < 600, code);
    const names = [...message.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
    const values = Object.fromEntries(names.map((name) => [name, 'x']));
    const error = new ApiError(code as ErrorCode, { values });
    assert.deepEqual(Object.keys(envelope(error).error), ['message', 'type', 'param', 'code']);
    assert.doesNotMatch(error.message, /[{}]/, code);
  }
});

test('a value filled in is never read as a blank itself', () => {
  const values = { kind: '{id}', id: '$&' };
  assert.equal(new ApiError('not_found', { values }).message, 'No such {id} object: $&');
});

test('values are shown short, and what they hold is not', () => {
  assert.equal(show('a'), '"a"');
  assert.equal(show(undefined), 'nothing');
  assert.equal(show({ prompt: 'secret' }), 'an object');
  assert.equal(show(['secret']), 'a list of 1');
  assert.ok(show('x'.repeat(1000)).length < 100);
});

test('conflicts and refused keys are not worth retrying, but for one that passes by itself', () => {
  for (const [code, entry] of Object.entries(ERRORS)) {
    if (entry.status !== 409 || code === 'idempotency_in_progress') continue;
    assert.equal(new ApiError(code as ErrorCode).headers['x-should-retry'], 'false', code);
  }
});
