/**
 * A request as the simulated provider reads it: what is asked, how many tokens that is, what it may produce.
 * Reading is strict where the vendors are strict, and names the field that is wrong.
 */
import { isObject } from './merge-patch.ts';
import { hashText } from './random.ts';
import { lastUserText, textsOf } from './request-texts.ts';
import { countTokens } from './tokens.ts';

export type Endpoint =
  | 'chat'
  | 'responses'
  | 'completions'
  | 'embeddings'
  | 'moderations'
  | 'messages';

export interface ModelRequest {
  endpoint: Endpoint;
  model: string;
  inputTokens: number;
  /** Maximum of output tokens per choice as the request sets it; null when it sets none. */
  maxOutput: number | null;
  /** Answers asked for: `n` times the prompts; inputs of an embeddings or moderations request. */
  choices: number;
  /** Function of the prompt's text alone: from it the answer is made. */
  hash: number;
  body: Record<string, unknown>;
}

interface Problem {
  message: string;
  param: string | null;
}

export type ReadRequest = { ok: true; request: ModelRequest } | { ok: false; problem: Problem };

/** Role and separators of a chat message, and what primes the answer (OpenAI cookbook). */
const TOKENS_PER_MESSAGE = 4;
const TOKENS_TO_PRIME = 3;
/** OpenAI's price of a 1024 × 1024 picture in high detail. */
const TOKENS_PER_IMAGE = 765;

/** What each endpoint calls its input and its maximum of output. */
const FIELDS: Record<Endpoint, { input: string; max: string[] }> = {
  chat: { input: 'messages', max: ['max_completion_tokens', 'max_tokens'] },
  responses: { input: 'input', max: ['max_output_tokens'] },
  completions: { input: 'prompt', max: ['max_tokens'] },
  embeddings: { input: 'input', max: [] },
  moderations: { input: 'input', max: [] },
  messages: { input: 'messages', max: ['max_tokens'] },
};

/** Reads the body of a call; `seed` makes the hash another one for another seed or account. */
export function readRequest(endpoint: Endpoint, text: string, seed: number): ReadRequest {
  const body = parseObject(text);
  if (body === null) return problem('We could not parse the JSON body of your request.', null);
  const wrong = findProblem(endpoint, body);
  if (wrong !== null) return { ok: false, problem: wrong };
  return { ok: true, request: measured(endpoint, body, seed) };
}

function measured(endpoint: Endpoint, body: Record<string, unknown>, seed: number): ModelRequest {
  const { texts, images, ids } = textsOf(endpoint, body);
  let inputTokens = images * TOKENS_PER_IMAGE + ids + overhead(endpoint, body);
  let hash = seed;
  for (const text of texts) {
    inputTokens += countTokens(text);
    hash = hashText(text, hash);
  }
  return {
    endpoint,
    model: body['model'] as string,
    inputTokens: Math.max(1, inputTokens),
    maxOutput: maxOutputOf(endpoint, body),
    choices: choicesOf(endpoint, body),
    hash,
    body,
  };
}

/** Tokens of a conversation that are in no text of it: its frame, tools and the schema of the answer. */
function overhead(endpoint: Endpoint, body: Record<string, unknown>): number {
  if (endpoint !== 'chat' && endpoint !== 'messages' && endpoint !== 'responses') return 0;
  const input = body[FIELDS[endpoint].input];
  const messages = Array.isArray(input) ? input.length : 1;
  const extras = [body['tools'], body['response_format']].filter((extra) => isJson(extra));
  const written = extras.reduce(
    (sum: number, extra) => sum + countTokens(JSON.stringify(extra)),
    0,
  );
  return TOKENS_TO_PRIME + TOKENS_PER_MESSAGE * messages + written;
}

const isJson = (value: unknown): boolean => typeof value === 'object' && value !== null;

function maxOutputOf(endpoint: Endpoint, body: Record<string, unknown>): number | null {
  for (const field of FIELDS[endpoint].max) {
    if (typeof body[field] === 'number') return body[field];
  }
  return null;
}

function choicesOf(endpoint: Endpoint, body: Record<string, unknown>): number {
  const input = body[FIELDS[endpoint].input];
  const isList = Array.isArray(input) && typeof input[0] !== 'number';
  const inputs = isList && endpoint !== 'chat' && endpoint !== 'messages' ? input.length : 1;
  if (endpoint === 'embeddings' || endpoint === 'moderations') return inputs;
  if (endpoint === 'responses' || endpoint === 'messages') return 1;
  const n = typeof body['n'] === 'number' ? body['n'] : 1;
  return endpoint === 'completions' ? n * inputs : n;
}

function findProblem(endpoint: Endpoint, body: Record<string, unknown>): Problem | null {
  const { input, max } = FIELDS[endpoint];
  const model = body['model'];
  if (typeof model !== 'string' || model === '') {
    return { message: 'you must provide a model parameter', param: 'model' };
  }
  if (body['stream'] === true) {
    return { message: 'stream: true is not simulated; allowed: false', param: 'stream' };
  }
  const value = body[input];
  const isList = Array.isArray(value) && value.length > 0;
  const takesText = endpoint !== 'chat' && endpoint !== 'messages';
  if (!isList && !(takesText && typeof value === 'string')) {
    return { message: `Missing or invalid parameter: '${input}'.`, param: input };
  }
  if (endpoint === 'messages' && body['max_tokens'] === undefined) {
    return { message: 'max_tokens: Field required', param: 'max_tokens' };
  }
  for (const field of max) {
    const wrong = notCounting(field, body[field], Number.MAX_SAFE_INTEGER);
    if (wrong !== null) return wrong;
  }
  return notCounting('n', body['n'], 128) ?? notCounting('dimensions', body['dimensions'], 4096);
}

function notCounting(param: string, value: unknown, most: number): Problem | null {
  if (value === undefined || value === null) return null;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return null;
  return { message: `Invalid '${param}': expected an integer from 1 to ${most}.`, param };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function problem(message: string, param: string | null): ReadRequest {
  return { ok: false, problem: { message, param } };
}

/** The last question of a request: what `answer: echo` says back. */
export function echoOf(request: ModelRequest): string {
  return lastUserText(request.endpoint, request.body);
}
