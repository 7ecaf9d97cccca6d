import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { translate } from './translate.ts';
import type { Turn } from './messages.ts';

const USER = { role: 'user', content: 'hi' };
const say = (more: Record<string, unknown>) => translate({ messages: [USER], ...more });
const text = (value: string) => ({ type: 'text', text: value });

const SAID: [string, Record<string, unknown>, Record<string, unknown>][] = [
  ['max_tokens', { max_tokens: 5 }, { max_tokens: 5 }],
  ['the newer maximum wins', { max_completion_tokens: 7, max_tokens: 5 }, { max_tokens: 7 }],
  ['in any order', { max_tokens: 5, max_completion_tokens: 7 }, { max_tokens: 7 }],
  ['temperature up to 1', { temperature: 1 }, { temperature: 1 }],
  ['one stop', { stop: 'END' }, { stop_sequences: ['END'] }],
  ['several stops', { stop: ['a', 'b'] }, { stop_sequences: ['a', 'b'] }],
  ['user', { user: 'u1' }, { metadata: { user_id: 'u1' } }],
  [
    'safety_identifier before user',
    { safety_identifier: 's', user: 'u' },
    { metadata: { user_id: 's' } },
  ],
  ['service tier', { service_tier: 'default' }, { service_tier: 'standard_only' }],
  [
    'defaults say nothing',
    {
      n: 1,
      stream: false,
      logprobs: false,
      frequency_penalty: 0,
      presence_penalty: 0,
      logit_bias: {},
      modalities: ['text'],
      response_format: { type: 'text' },
      store: false,
      metadata: {},
      seed: null,
    },
    {},
  ],
];

for (const [title, given, expected] of SAID) {
  test(`says ${title}`, () => {
    const { request, unsayable } = say(given);
    assert.deepEqual(unsayable, []);
    const { messages, ...rest } = request;
    assert.deepEqual(rest, expected);
    assert.deepEqual(messages, [{ role: 'user', content: [text('hi')] }]);
  });
}

const UNSAID: [string, Record<string, unknown>][] = [
  ['temperature', { temperature: 1.5 }],
  ['n', { n: 2 }],
  ['stream', { stream: true }],
  ['logprobs', { logprobs: true }],
  ['top_logprobs', { top_logprobs: 3 }],
  ['response_format', { response_format: { type: 'json_schema', json_schema: {} } }],
  ['response_format', { response_format: { type: 'json_object' } }],
  ['seed', { seed: 0 }],
  ['frequency_penalty', { frequency_penalty: 0.1 }],
  ['presence_penalty', { presence_penalty: -1 }],
  ['logit_bias', { logit_bias: { 50256: -100 } }],
  ['audio', { audio: { voice: 'alloy', format: 'wav' } }],
  ['modalities', { modalities: ['text', 'audio'] }],
  ['reasoning_effort', { reasoning_effort: 'high' }],
  ['stop', { stop: '\n' }],
  ['store', { store: true }],
  ['metadata', { metadata: { team: 'a' } }],
  ['tools', { tools: [{ type: 'custom', custom: { name: 'x' } }] }],
  ['tools.strict', { tools: [{ type: 'function', function: { name: 'f', strict: true } }] }],
  ['tool_choice', { tool_choice: 'required' }],
  ['a_parameter_of_tomorrow', { a_parameter_of_tomorrow: 1 }],
  ['messages', { messages: [] }],
  ['messages', { messages: 'hi' }],
  ['messages', { messages: [{ role: 'assistant', content: 'I begin' }, USER] }],
  ['messages', { messages: [USER, { role: 'assistant', content: 'I end' }] }],
  ['messages', { messages: [{ role: 'critic', content: 'x' }, USER] }],
  ['messages.name', { messages: [{ ...USER, name: 'Ada' }] }],
  ['input_audio', { messages: [{ role: 'user', content: [{ type: 'input_audio' }, text('x')] }] }],
  ['file', { messages: [{ role: 'user', content: [{ type: 'file', file: {} }, text('x')] }] }],
  ['image_url', { messages: [imageMessage({ url: 'data:image/tiff;base64,AA' })] }],
  ['image_url', { messages: [imageMessage({ url: 'gs://bucket/cat.png' })] }],
  ['image_url.detail', { messages: [imageMessage({ url: 'https://x/cat.png', detail: 'low' })] }],
  [
    'tool_calls',
    {
      messages: [
        USER,
        { role: 'assistant', tool_calls: [call('c', 'f', 'not json')] },
        result('c', 'x'),
      ],
    },
  ],
];

for (const [name, given] of UNSAID) {
  test(`cannot say ${name} in ${JSON.stringify(given)}`, () => {
    assert.deepEqual(say(given).unsayable, [name]);
  });
}

function imageMessage(image: Record<string, unknown>) {
  return { role: 'user', content: [text('what is it?'), { type: 'image_url', image_url: image }] };
}
function call(id: string, name: string, args: string) {
  return { id, type: 'function', function: { name, arguments: args } };
}
function result(id: string, content: string) {
  return { role: 'tool', tool_call_id: id, content };
}

test('a whole conversation with tools', () => {
  const parameters = { type: 'object', properties: { city: { type: 'string' } } };
  const { request, unsayable } = translate({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: [text('Use tools.')] },
      { role: 'user', content: 'Weather in Paris and Rome?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [call('c1', 'get', '{"city":"Paris"}'), call('c:2', 'get', '')],
      },
      result('c1', '12°'),
      result('c:2', '18°'),
      { role: 'user', content: 'And?' },
    ],
    tools: [
      { type: 'function', function: { name: 'get', description: 'Weather', parameters } },
      { type: 'function', function: { name: 'stop' } },
    ],
    tool_choice: { type: 'function', function: { name: 'get' } },
    parallel_tool_calls: false,
  });
  assert.deepEqual(unsayable, []);
  assert.deepEqual(request, {
    system: [text('Be brief.'), text('Use tools.')],
    messages: [
      { role: 'user', content: [text('Weather in Paris and Rome?')] },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'c1', name: 'get', input: { city: 'Paris' } },
          { type: 'tool_use', id: 'c_3a2', name: 'get', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c1', content: [text('12°')] },
          { type: 'tool_result', tool_use_id: 'c_3a2', content: [text('18°')] },
          text('And?'),
        ],
      },
    ],
    tools: [
      { name: 'get', description: 'Weather', input_schema: parameters },
      { name: 'stop', input_schema: { type: 'object' } },
    ],
    tool_choice: { type: 'tool', name: 'get', disable_parallel_tool_use: true },
  });
});

for (const [choice, expected] of [
  ['auto', { type: 'auto' }],
  ['none', { type: 'none' }],
  ['required', { type: 'any' }],
] as const) {
  test(`tool_choice ${choice} is ${expected.type}`, () => {
    const { request } = say({
      tools: [{ type: 'function', function: { name: 'f' } }],
      tool_choice: choice,
    });
    assert.deepEqual(request['tool_choice'], expected);
  });
}

test('images: data URLs become base64 sources, others url sources', () => {
  const { request, unsayable } = translate({
    messages: [
      imageMessage({ url: 'data:image/PNG;base64,iVBORw0KGgo=', detail: 'high' }),
      imageMessage({ url: 'https://example.com/cat.webp' }),
    ],
  });
  assert.deepEqual(unsayable, []);
  const [turn] = request['messages'] as Turn[];
  assert.deepEqual(
    turn?.content.filter(({ type }) => type === 'image').map(({ source }) => source),
    [
      { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
      { type: 'url', url: 'https://example.com/cat.webp' },
    ],
  );
});

const someText = fc.string({ minLength: 1, maxLength: 20 });
const message = fc.oneof(
  fc.record({
    role: fc.constantFrom('system', 'developer', 'user', 'assistant'),
    content: someText,
  }),
  fc.record({
    role: fc.constantFrom('system', 'user', 'assistant'),
    content: fc.array(someText.map(text), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ role: fc.constant('tool'), tool_call_id: someText, content: someText }),
  fc.record({
    role: fc.constant('assistant'),
    content: fc.constant(null),
    tool_calls: fc.array(
      fc
        .tuple(someText, fc.dictionary(someText, someText))
        .map(([id, args]) => call(id, 'f', JSON.stringify(args))),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);

const isSystem = ({ role }: { role: string }) => role === 'system' || role === 'developer';

/** Everything that was said, in order: texts, and arguments of calls. */
function spoken(value: unknown): string[] {
  const found: string[] = [];
  JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'text' || (key === 'content' && typeof inner === 'string'))
      found.push(String(inner));
    if (key === 'arguments') found.push(JSON.stringify(JSON.parse(String(inner))));
    if (key !== 'input') return inner;
    // Not walked into: arguments may have names like `text` themselves.
    found.push(JSON.stringify(inner));
    return undefined;
  });
  return found;
}

test('no message is lost, order is kept, and roles alternate beginning with what came first', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 12 }), (messages) => {
      const { request, unsayable } = translate({ messages });
      const turns = request['messages'] as Turn[];
      assert.deepEqual(spoken(request['system'] ?? []), spoken(messages.filter(isSystem)));
      assert.deepEqual(spoken(turns), spoken(messages.filter((m) => !isSystem(m))));
      turns.slice(1).forEach((turn, index) => assert.notEqual(turn.role, turns[index]?.role));
      const fine = turns[0]?.role === 'user' && turns.at(-1)?.role === 'user';
      assert.deepEqual(unsayable, fine ? [] : ['messages']);
    }),
  );
});

test('calls and their results keep meeting under the same id', () => {
  fc.assert(
    fc.property(someText, (id) => {
      const { request } = translate({
        messages: [USER, { role: 'assistant', tool_calls: [call(id, 'f', '{}')] }, result(id, 'x')],
      });
      const [, made, got] = request['messages'] as Turn[];
      assert.equal(made?.content[0]?.['id'], got?.content[0]?.['tool_use_id']);
      assert.match(String(made?.content[0]?.['id']), /^[a-zA-Z0-9_-]+$/);
    }),
  );
});
