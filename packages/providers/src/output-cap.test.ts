import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, OutputCap } from '@sluice/job';
import { withOutputCap } from './output-cap.ts';

const CHAT = '/v1/chat/completions';
const cap = (over: Partial<OutputCap> = {}): { outputCap: OutputCap } => ({
  outputCap: { tokens: 900, param: 'max_tokens', ...over },
});
/** What was added to the body. */
const added = (endpoint: Endpoint, body: Record<string, unknown>, of = cap()) => {
  const { body: capped, tokens } = withOutputCap(endpoint, body, of);
  const names = Object.keys(capped).filter((name) => capped[name] !== body[name]);
  return [Object.fromEntries(names.map((name) => [name, capped[name]])), tokens];
};

test('a request without a maximum gets it by the name that its endpoint and model have for it', () => {
  const newer = cap({ param: 'max_completion_tokens' });
  assert.deepEqual(added(CHAT, {}), [{ max_tokens: 900 }, 900]);
  assert.deepEqual(added(CHAT, {}, newer), [{ max_completion_tokens: 900 }, 900]);
  assert.deepEqual(added('/v1/completions', {}, newer), [{ max_tokens: 900 }, 900]);
  assert.deepEqual(added('/v1/responses', {}, newer), [{ max_output_tokens: 900 }, 900]);
});

test('a maximum that the client set stands, whatever it is called and however large', () => {
  for (const body of [{ max_tokens: 5_000 }, { max_completion_tokens: 1 }, { max_tokens: 0 }])
    assert.deepEqual(added(CHAT, body), [{}, null]);
  assert.deepEqual(added(CHAT, { max_tokens: null }), [{ max_tokens: 900 }, 900], 'null sets none');
  assert.deepEqual(added(CHAT, { max_output_tokens: 7 }), [{ max_tokens: 900 }, 900]);
});

test('several answers share it, so that the request is no larger than booked', () => {
  assert.deepEqual(added(CHAT, { n: 4 }), [{ max_tokens: 225 }, 225]);
  assert.deepEqual(added('/v1/completions', { n: 2, best_of: 3 }), [{ max_tokens: 300 }, 300]);
  assert.deepEqual(added('/v1/completions', { prompt: ['a', 'b', 'c'], n: 3 }), [
    { max_tokens: 100 },
    100,
  ]);
  assert.deepEqual(added('/v1/completions', { prompt: [17, 4] }), [{ max_tokens: 900 }, 900]);
  assert.deepEqual(added(CHAT, { n: 128 }, cap({ tokens: 100 })), [{ max_tokens: 1 }, 1]);
});

test('without a cap, and where there is no output, nothing is added and the body is the very same', () => {
  const body = { input: 'x' };
  assert.equal(withOutputCap(CHAT, body, { outputCap: null }).body, body);
  assert.deepEqual(added('/v1/embeddings', body), [{}, null]);
  assert.deepEqual(added('/v1/moderations', body), [{}, null]);
});
