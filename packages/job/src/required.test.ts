import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findWanting } from './required.ts';
import { ENDPOINTS } from './job.ts';

test('a body has what its endpoint needs', () => {
  const message = { role: 'user', content: 'hi' };
  assert.equal(findWanting('/v1/chat/completions', { messages: [message] }), null);
  assert.equal(findWanting('/v1/responses', { input: 'hi' }), null);
  assert.equal(findWanting('/v1/responses', { prompt: { id: 'p' } }), null);
  assert.equal(findWanting('/v1/completions', { prompt: ['a', 'b'] }), null);
  assert.equal(findWanting('/v1/embeddings', { input: [[1, 2]] }), null);
});

test('what is absent, empty or of another type is named', () => {
  for (const endpoint of ENDPOINTS) assert.equal(findWanting(endpoint, {})?.absent, true);
  for (const messages of [[], 'hi', {}, 7]) {
    const wanting = findWanting('/v1/chat/completions', { messages });
    assert.deepEqual([wanting?.field, wanting?.absent], ['messages', false]);
  }
  assert.equal(findWanting('/v1/chat/completions', { messages: null })?.absent, true);
  assert.equal(findWanting('/v1/embeddings', { input: [] })?.field, 'input');
});
