/**
 * An OpenAI chat body as a Messages request, and what of it cannot be said: one walk answers both, so that the two
 * can never disagree. A parameter that is null or has its default says nothing; one that is unknown cannot be said,
 * because it cannot be known to be harmless.
 */
import type { Body } from '../adapter.ts';
import { isObject } from '../json.ts';
import { translateMessages } from './messages.ts';
import { translateTools } from './tools.ts';

export interface Translation {
  /** Without `model`; without what cannot be said. */
  request: Body;
  /** Names of the parameters that are left out of `request`, each once, in the order found. */
  unsayable: string[];
}

interface Parameter {
  sayable: (value: unknown) => boolean;
  /** Absent where what is sayable is the default. */
  write?: (request: Body, value: unknown) => void;
}

const always = () => true;
const only =
  (...values: unknown[]) =>
  (value: unknown) =>
    values.includes(value);
const empty = (value: unknown) =>
  (Array.isArray(value) && value.length === 0) ||
  (isObject(value) && Object.keys(value).length === 0);
const as =
  (name: string, change: (value: unknown) => unknown = (value) => value) =>
  (request: Body, value: unknown) => {
    request[name] = change(value);
  };

const listOf = (value: unknown): unknown[] =>
  Array.isArray(value) ? (value as unknown[]) : [value];

/** "Each stop sequence must contain non-whitespace": a line break alone cannot be one. */
const notBlank = (value: unknown) =>
  listOf(value).every((sequence) => typeof sequence === 'string' && sequence.trim() !== '');

const writeUser = (request: Body, value: unknown) => {
  request['metadata'] = { user_id: value };
};

/** Parameters that stand for themselves; messages and tools have files of their own. */
const PARAMETERS: Readonly<Record<string, Parameter>> = {
  model: { sayable: always },
  max_tokens: {
    sayable: always,
    write: (request, value) => (request['max_tokens'] ??= value),
  },
  max_completion_tokens: { sayable: always, write: as('max_tokens') },
  // OpenAI 0–2, Anthropic 0–1; the halves do not mean the same, so nothing is scaled.
  temperature: { sayable: (value) => !(Number(value) > 1), write: as('temperature') },
  top_p: { sayable: always, write: as('top_p') },
  stop: { sayable: notBlank, write: as('stop_sequences', listOf) },
  user: {
    sayable: always,
    write: (request, value) => request['metadata'] ?? writeUser(request, value),
  },
  safety_identifier: { sayable: always, write: writeUser },
  service_tier: {
    sayable: only('auto', 'default'),
    write: as('service_tier', (value) => (value === 'default' ? 'standard_only' : 'auto')),
  },
  // Anthropic's own, for whoever knows where the job goes.
  top_k: { sayable: always, write: as('top_k') },
  thinking: { sayable: always, write: as('thinking') },
  // Sayable only as the default.
  n: { sayable: only(1) },
  stream: { sayable: only(false) },
  store: { sayable: only(false) },
  metadata: { sayable: empty },
  logprobs: { sayable: only(false) },
  top_logprobs: { sayable: only(0) },
  logit_bias: { sayable: empty },
  frequency_penalty: { sayable: only(0) },
  presence_penalty: { sayable: only(0) },
  modalities: { sayable: (value) => Array.isArray(value) && value.every(only('text')) },
  response_format: { sayable: (value) => isObject(value) && value['type'] === 'text' },
  reasoning_effort: { sayable: only('none') },
  verbosity: { sayable: only('medium') },
  functions: { sayable: empty },
  function_call: { sayable: only('none') },
};

const ELSEWHERE = new Set(['messages', 'tools', 'tool_choice', 'parallel_tool_calls']);

/** Translates `body`; one of the wrong shape yields a request that says what could be read of it. Never throws. */
export function translate(body: Body): Translation {
  const request: Body = {};
  const unsayable = new Set<string>();
  for (const [name, value] of Object.entries(body)) {
    if (value === null || value === undefined || ELSEWHERE.has(name)) continue;
    const parameter = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (parameter?.sayable(value)) parameter.write?.(request, value);
    else unsayable.add(name);
  }
  const report = (name: string) => unsayable.add(name);
  Object.assign(request, translateTools(body, report), translateMessages(body['messages'], report));
  return { request, unsayable: [...unsayable] };
}
