/**
 * What a request weighs, read off its body once, without a tokeniser: characters in, tokens out at most.
 * OpenAI's own limiter works on the character count too, and deployments learn their characters per token
 * from real usage, so counting tokens here would buy nothing and cost more than the rest of the path.
 */
import type { Endpoint } from './job.ts';

export interface Shape {
  /** Characters of text the provider will read, summed over messages, instructions, tools and inputs. */
  characters: number;
  /** The request's own output limit in tokens; null when it sets none; 0 where the endpoint produces no tokens. */
  maxOutput: number | null;
  /** Inputs of an embeddings or moderations request; 1 elsewhere. */
  inputs: number;
}

type Body = Record<string, unknown>;

/** Characters charged for a picture: about 1,100 tokens, OpenAI's high-detail price of a 1024 × 1024 image. */
const IMAGE_CHARACTERS = 4_400;
/** Role, separators and priming that chat formats add: three to four tokens a message (OpenAI cookbook). */
const MESSAGE_OVERHEAD = 16;

/** Measures a body. Unknown fields weigh nothing; a body of the wrong shape weighs what can be read of it. */
export const measure = (endpoint: Endpoint, body: Body): Shape => MEASURES[endpoint](body);

const inputsOnly = (body: Body): Shape => ({
  characters: textLength(body['input']),
  maxOutput: 0,
  inputs: countInputs(body['input']),
});

const MEASURES: Record<Endpoint, (body: Body) => Shape> = {
  '/v1/embeddings': inputsOnly,
  '/v1/moderations': inputsOnly,
  '/v1/completions': (body) => ({
    characters: textLength(body['prompt']),
    maxOutput: ofAll(body, body['max_tokens']),
    inputs: 1,
  }),
  '/v1/responses': (body) => ({
    characters:
      textLength(body['input']) + textLength(body['instructions']) + jsonLength(body['tools']),
    maxOutput: positive(body['max_output_tokens']),
    inputs: 1,
  }),
  '/v1/chat/completions': (body) => ({
    characters:
      textLength(body['messages']) +
      jsonLength(body['tools']) +
      jsonLength(body['response_format']),
    maxOutput: ofAll(body, body['max_completion_tokens'] ?? body['max_tokens']),
    inputs: 1,
  }),
};

/** OpenAI's rule of thumb for English: tokens are counted so until a deployment's own answers say better. */
export const USUAL_CHARS_PER_TOKEN = 4;

/**
 * Mean answer of the conversations in Azure's public trace of 2023 (19,366 requests), tokens: what is taken for granted
 * before a deployment has answered anything. People set maxima ten times what answers need, so the maximum says little.
 */
export const USUAL_OUTPUT_TOKENS = 211;

const positive = (value: unknown): number | null =>
  typeof value === 'number' && value > 0 && Number.isFinite(value) ? Math.ceil(value) : null;

/** Each answer may use the whole maximum. */
function ofAll(body: Body, value: unknown): number | null {
  const max = positive(value);
  return max === null ? null : max * answersOf(body);
}

/** Answers that a chat or text completion asks for: `n` choices, or `best_of` to choose them from, of each of its prompts. */
export const answersOf = ({ n, best_of: bestOf, prompt }: Readonly<Body>): number =>
  Math.max(positive(n) ?? 1, positive(bestOf) ?? 1) * Math.max(1, countInputs(prompt));

const jsonLength = (value: unknown): number =>
  value === undefined || value === null ? 0 : JSON.stringify(value).length;

function countInputs(input: unknown): number {
  return Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1;
}

/** Text in strings, message lists and content parts, at most 32 levels deep. */
function textLength(value: unknown, depth = 0): number {
  if (typeof value === 'string') return value.length;
  if (depth > 32 || value === null || typeof value !== 'object') return 0;
  if (Array.isArray(value)) {
    if (typeof value[0] === 'number') return value.length * 4;
    let sum = 0;
    for (const item of value) sum += textLength(item, depth + 1);
    return sum;
  }
  const part = value as Body;
  if (part['type'] === 'image_url' || part['type'] === 'input_image') return IMAGE_CHARACTERS;
  return (
    (part['role'] === undefined ? 0 : MESSAGE_OVERHEAD) +
    textLength(part['content'], depth + 1) +
    textLength(part['text'], depth + 1) +
    jsonLength(part['tool_calls'])
  );
}
