import assert from 'node:assert/strict';
import { test } from 'node:test';
import { affinityOf } from './affinity.ts';

const keyOf = (body: Record<string, unknown>, explicit: string | null = null): string | null =>
  affinityOf(explicit, body).affinityKey;

test('the job’s own key goes first, then the cache’s, the user’s, the conversation’s', () => {
  const body = { prompt_cache_key: 'c', user: 'u', conversation: { id: 'v' } };
  assert.equal(keyOf(body, 'mine'), 'key:mine');
  assert.equal(keyOf(body), 'cache:c');
  assert.equal(keyOf({ ...body, prompt_cache_key: '' }), 'user:u');
  assert.equal(keyOf({ safety_identifier: 's' }), 'user:s');
  assert.equal(keyOf({ conversation: { id: 'v' } }), 'conversation:v');
  assert.equal(keyOf({ conversation: 'v' }), 'conversation:v');
  assert.equal(keyOf({ user: 7, conversation: null }), null);
});

const chat = (system: string, question: string): Record<string, unknown> => ({
  messages: [
    { role: 'system', content: system },
    { role: 'user', content: question },
  ],
});
const LONG = 'You are a careful assistant. '.repeat(200);

test('prompts that begin alike for a thousand tokens share a prefix key', () => {
  const { prefixKey } = affinityOf(null, chat(LONG, 'one'));
  assert.equal(prefixKey, affinityOf(null, chat(LONG, 'two')).prefixKey);
  assert.notEqual(prefixKey, affinityOf(null, chat(`Not ${LONG}`, 'one')).prefixKey);
  assert.match(prefixKey ?? '', /^[0-9a-f]{16}$/, 'a digest');
});

test('a prompt too short to be cached has none; every endpoint’s prompt counts', () => {
  assert.equal(affinityOf(null, chat('Be brief.', 'one')).prefixKey, null);
  for (const body of [
    { prompt: LONG },
    { input: LONG },
    { instructions: LONG, input: [] },
    { input: [LONG] },
  ])
    assert.notEqual(affinityOf(null, body).prefixKey, null);
  assert.equal(affinityOf(null, {}).prefixKey, null);
});
