/** Where the text of a request stands, for every endpoint; and the key by which tests find a request again. */
import { createHash } from 'node:crypto';
import { isObject } from './merge-patch.ts';
import type { Endpoint } from './model-request.ts';

export interface RequestTexts {
  /** In reading order: instructions first, then messages. */
  texts: string[];
  images: number;
  /** Inputs given as token ids instead of text: how many ids. */
  ids: number;
}

type Body = Record<string, unknown>;

/** Deeper nesting than any vendor's format has is not read. */
const MAX_DEPTH = 8;

export function textsOf(endpoint: Endpoint, body: Body): RequestTexts {
  const found: RequestTexts = { texts: [], images: 0, ids: 0 };
  for (const field of TEXT_FIELDS[endpoint]) gather(body[field], found, 0);
  return found;
}

const TEXT_FIELDS: Record<Endpoint, string[]> = {
  chat: ['messages'],
  responses: ['instructions', 'input'],
  completions: ['prompt'],
  embeddings: ['input'],
  moderations: ['input'],
  messages: ['system', 'messages'],
};

function gather(value: unknown, found: RequestTexts, depth: number): void {
  if (typeof value === 'string') found.texts.push(value);
  else if (typeof value === 'number') found.ids += 1;
  else if (Array.isArray(value)) gatherList(value, found, depth);
  else if (isObject(value) && depth <= MAX_DEPTH) gatherPart(value, found, depth);
}

function gatherList(list: unknown[], found: RequestTexts, depth: number): void {
  if (depth > MAX_DEPTH) return;
  for (const item of list) gather(item, found, depth + 1);
}

/** A message, or a part of one. */
function gatherPart(part: Body, found: RequestTexts, depth: number): void {
  if (IMAGE_TYPES.has(part['type'] as string)) found.images += 1;
  else if (part['type'] === 'tool_use') gather(JSON.stringify(part['input'] ?? {}), found, depth);
  else {
    gather(part['content'], found, depth + 1);
    gather(part['text'], found, depth + 1);
    if (part['tool_calls'] !== undefined) gather(JSON.stringify(part['tool_calls']), found, depth);
  }
}

const IMAGE_TYPES = new Set(['image_url', 'input_image', 'image']);

/** The last message of the user; of a prompt or an input its last text. */
export function lastUserText(endpoint: Endpoint, body: Body): string {
  const input = endpoint === 'completions' ? body['prompt'] : (body['messages'] ?? body['input']);
  const found: RequestTexts = { texts: [], images: 0, ids: 0 };
  if (!Array.isArray(input)) {
    gather(input, found, 0);
    return found.texts.join('\n');
  }
  const last = input.findLast((item) => !isObject(item) || item['role'] === 'user');
  gather(last, found, 0);
  return found.texts.join('\n');
}

/**
 * SHA-1 (hex) of a request's texts, one per line in reading order: the same for a question sent as OpenAI chat
 * and as Anthropic messages, whatever its parameters. The ledger keeps it instead of the prompt.
 */
export function requestKey(body: Body): string {
  const endpoint = endpointByShape(body);
  return createHash('sha1').update(textsOf(endpoint, body).texts.join('\n')).digest('hex');
}

/** `messages` stands for both chat formats: a `system` beside them is read first, and absent in OpenAI's. */
function endpointByShape(body: Body): Endpoint {
  if (body['messages'] !== undefined) return 'messages';
  return body['prompt'] === undefined ? 'responses' : 'completions';
}
