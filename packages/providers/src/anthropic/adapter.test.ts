import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentOf, loadFixtures } from '../fixtures.ts';
import { anthropic } from './adapter.ts';
import { translate } from './translate.ts';
import type { Turn } from './messages.ts';

const endpoint = '/v1/chat/completions';
const body = { messages: [{ role: 'user', content: 'hi' }] };

function read(name: string) {
  const fixture = loadFixtures('anthropic').find((each) => each.name === name);
  assert.ok(fixture);
  const { body: json } = anthropic.readAnswer(endpoint, fixture.response);
  return JSON.parse(json) as { choices: { message: Record<string, unknown> }[] } & Record<
    string,
    unknown
  >;
}

test('the request: path, version, key, default maximum', () => {
  for (const base of ['https://api.anthropic.com', 'https://api.anthropic.com/v1/']) {
    const request = anthropic.buildRequest({
      endpoint,
      body,
      deployment: deploymentOf('anthropic', base),
    });
    assert.equal(request.url, 'https://api.anthropic.com/v1/messages');
    assert.deepEqual(request.headers, {
      'content-type': 'application/json',
      'x-api-key': 'sk-secret-0123456789',
      'anthropic-version': '2023-06-01',
    });
    assert.deepEqual(JSON.parse(request.body), {
      max_tokens: 1024,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
      model: 'the-model',
    });
  }
});

test("a maximum in the deployment's params goes before the default, the caller's before both", () => {
  const deployment = deploymentOf('anthropic', 'https://x', { params: { max_tokens: 50 } });
  const sent = (more: object) =>
    (
      JSON.parse(
        anthropic.buildRequest({ endpoint, body: { ...body, ...more }, deployment }).body,
      ) as { max_tokens: number }
    ).max_tokens;
  assert.equal(sent({}), 50);
  assert.equal(sent({ max_completion_tokens: 9 }), 9);
});

test('what cannot be said is not sent', () => {
  const deployment = deploymentOf('anthropic', 'https://x');
  const request = anthropic.buildRequest({
    endpoint,
    body: { ...body, seed: 7, temperature: 1.7 },
    deployment,
  });
  assert.ok(!/seed|temperature/.test(request.body));
});

test('a text answer is a chat completion, field by field', () => {
  assert.deepEqual(read('200-text'), {
    id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
    object: 'chat.completion',
    created: 1762265529,
    model: 'claude-sonnet-4-5-20250929',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: '17 × 3 = 51', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: 2260,
      completion_tokens: 12,
      total_tokens: 2272,
      prompt_tokens_details: { cached_tokens: 2051 },
    },
  });
});

test('thoughts stand beside the answer', () => {
  const message = read('200-thinking').choices[0]?.message;
  assert.equal(message?.['reasoning_content'], '17 × 3 …');
  assert.equal(message['content'], '51');
});

test('an answer with tool calls, said again as history, is what the model had said', () => {
  const fixture = loadFixtures('anthropic').find(({ name }) => name === '200-tool-use');
  const original = JSON.parse(fixture?.response.text ?? '') as { content: unknown };
  const { request, unsayable } = translate({
    messages: [
      body.messages[0],
      read('200-tool-use').choices[0]?.message,
      { role: 'tool', tool_call_id: 'toolu_01A09q90qw90lq917835lq9', content: '15°' },
    ],
  });
  assert.deepEqual(unsayable, []);
  assert.deepEqual((request['messages'] as Turn[])[1]?.content, original.content);
});
