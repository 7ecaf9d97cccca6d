/**
 * What the body of a request must have for its endpoint, and what is beyond anything a provider takes: a call without the
 * one or with the other is refused by every provider, and would only spend limits. Pure.
 */
import type { Endpoint } from './job.ts';

export interface Wanting {
  /** The field of the body. */
  field: string;
  /** It is not there; otherwise it is of no use. */
  absent: boolean;
  allowed: string;
}

interface Rule {
  /** One of them is enough. */
  fields: readonly [string, ...string[]];
  textToo: boolean;
  allowed: string;
}

const INPUT = { textToo: true, allowed: 'a string or a list that is not empty' };
const RULES: Record<Endpoint, Rule> = {
  '/v1/chat/completions': {
    fields: ['messages'],
    textToo: false,
    allowed: 'a list of at least one message',
  },
  '/v1/responses': {
    fields: ['input', 'prompt', 'previous_response_id', 'conversation'],
    ...INPUT,
  },
  '/v1/completions': { fields: ['prompt'], ...INPUT },
  '/v1/embeddings': { fields: ['input'], ...INPUT },
  '/v1/moderations': { fields: ['input'], ...INPUT },
};

/** No model answers with so many tokens (2026: the largest have a few 100,000), and nobody gives so many choices (OpenAI: 128). */
const MOST = {
  max_tokens: 10_000_000,
  max_completion_tokens: 10_000_000,
  max_output_tokens: 10_000_000,
  n: 128,
  best_of: 128,
} as const;

/** What a request lacks, or has too much of; null when it may be sent. */
export function findWanting(
  endpoint: Endpoint,
  body: Readonly<Record<string, unknown>>,
): Wanting | null {
  return findMissing(endpoint, body) ?? findExcess(body);
}

/** Other types than numbers are the provider's to refuse. */
function findExcess(body: Readonly<Record<string, unknown>>): Wanting | null {
  for (const [field, most] of Object.entries(MOST)) {
    const value = body[field];
    if (typeof value === 'number' && (value < 0 || value > most))
      return { field, absent: false, allowed: `a number from 0 to ${most}` };
  }
  return null;
}

function findMissing(endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Wanting | null {
  const { fields, textToo, allowed } = RULES[endpoint];
  const [field, ...others] = fields;
  const value = body[field] ?? undefined;
  if (Array.isArray(value) ? value.length > 0 : textToo && typeof value === 'string') return null;
  if (value !== undefined) return { field, absent: false, allowed };
  const other = others.some((name) => body[name] !== undefined && body[name] !== null);
  return other ? null : { field, absent: true, allowed };
}
