/** What the body of a request must have for its endpoint: a call without it is refused by every provider. Pure. */
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

/** What a request lacks; null when it has all. */
export function findWanting(
  endpoint: Endpoint,
  body: Readonly<Record<string, unknown>>,
): Wanting | null {
  const { fields, textToo, allowed } = RULES[endpoint];
  const [field, ...others] = fields;
  const value = body[field] ?? undefined;
  if (Array.isArray(value) ? value.length > 0 : textToo && typeof value === 'string') return null;
  if (value !== undefined) return { field, absent: false, allowed };
  const other = others.some((name) => body[name] !== undefined && body[name] !== null);
  return other ? null : { field, absent: true, allowed };
}
