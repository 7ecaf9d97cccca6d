/** A Messages answer as an OpenAI chat completion. */
import type { Usage } from '@sluice/job';
import { asCount, asString, isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';

/** `stop_reason` → `finish_reason`. Documented values as of 2026; an unknown one is an ordinary stop. */
const FINISH: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  // Only with server tools, which a translated request never has.
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  // The model declined: an answer, and paid for.
  refusal: 'content_filter',
};

/** `created` in Unix seconds: Anthropic does not say. */
export function toChatCompletion(message: JsonObject, created: number): JsonObject {
  const blocks = (message['content'] as unknown[]).filter(isObject);
  const stop = asString(message['stop_reason']) ?? '';
  const finish = Object.hasOwn(FINISH, stop) ? FINISH[stop] : 'stop';
  return {
    id: message['id'],
    object: 'chat.completion',
    created,
    model: message['model'],
    choices: [{ index: 0, message: toMessage(blocks), logprobs: null, finish_reason: finish }],
    usage: toUsage(readUsage(message['usage'])),
  };
}

function toMessage(blocks: JsonObject[]): JsonObject {
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toToolCall);
  const text = joined(blocks, 'text');
  const thinking = joined(blocks, 'thinking');
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    refusal: null,
    // OpenAI has no field for thoughts; DeepSeek's is the one most clients know.
    ...(thinking === '' ? {} : { reasoning_content: thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** The blocks of one type, whose text is in the field of the same name. */
const joined = (blocks: JsonObject[], type: 'text' | 'thinking'): string =>
  blocks
    .filter((block) => block['type'] === type)
    .map((block) => asString(block[type]) ?? '')
    .join('');

const toToolCall = (block: JsonObject): JsonObject => ({
  id: block['id'],
  type: 'function',
  function: { name: block['name'], arguments: JSON.stringify(block['input'] ?? {}) },
});

/**
 * Anthropic counts the three kinds of input apart ("total input = input_tokens + cache_creation + cache_read"),
 * OpenAI all in one. Thinking is part of the output and not counted apart.
 */
export function readUsage(usage: unknown): Usage | null {
  if (!isObject(usage)) return null;
  const cached = asCount(usage['cache_read_input_tokens']);
  const input =
    asCount(usage['input_tokens']) + cached + asCount(usage['cache_creation_input_tokens']);
  return {
    input_tokens: input,
    cached_tokens: cached,
    output_tokens: asCount(usage['output_tokens']),
    reasoning_tokens: 0,
  };
}

function toUsage(usage: Usage | null): JsonObject | null {
  if (!usage) return null;
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.input_tokens + usage.output_tokens,
    prompt_tokens_details: { cached_tokens: usage.cached_tokens },
  };
}
