/** A maximum for requests that set none: put in by the deployment's name for it, over all answers that the request asks for. */
import { answersOf } from '@sluice/job';
import type { Deployment, Endpoint } from '@sluice/job';
import type { Body } from './adapter.ts';

/** What each endpoint calls its maximum. */
const MAXIMA: Record<Endpoint, readonly string[]> = {
  '/v1/chat/completions': ['max_completion_tokens', 'max_tokens'],
  '/v1/completions': ['max_tokens'],
  '/v1/responses': ['max_output_tokens'],
  '/v1/embeddings': [],
  '/v1/moderations': [],
};

export interface Capped {
  body: Body;
  /** Output tokens that each answer may have by it; null: nothing was put in. */
  tokens: number | null;
}

/** The request in OpenAI's format with the deployment's `output_cap`, or as it was. Never changes the one that is given. */
export function withOutputCap(
  endpoint: Endpoint,
  body: Body,
  { outputCap }: Pick<Deployment, 'outputCap'>,
): Capped {
  const maxima = MAXIMA[endpoint];
  const [first] = maxima;
  const isSet = maxima.some((name) => body[name] !== undefined && body[name] !== null);
  if (outputCap === null || first === undefined || isSet) return { body, tokens: null };
  const name = maxima.includes(outputCap.param) ? outputCap.param : first;
  const tokens = Math.max(1, Math.floor(outputCap.tokens / answersOf(body)));
  return { body: { ...body, [name]: tokens }, tokens };
}
