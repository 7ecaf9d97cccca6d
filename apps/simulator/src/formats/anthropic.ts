/** The Anthropic server: messages and models, with the headers that its limits really send. */
import type { Dimension, LimitView } from '@sluice/windows';
import type { ModelRequest } from '../model-request.ts';
import type { Choice, Product } from '../produce.ts';
import { anthropicFailure } from './anthropic-errors.ts';
import type { AnswerFacts, RawHeaders, WireFormat } from './wire-format.ts';

export const anthropic: WireFormat = {
  fail: anthropicFailure,
  answer,
  modelList: (models) =>
    JSON.stringify({
      data: models.map(modelObject),
      has_more: false,
      first_id: models[0] ?? null,
      last_id: models.at(-1) ?? null,
    }),
  model: (model) => JSON.stringify(modelObject(model)),
  rateLimitHeaders,
  requestIdHeader: 'request-id',
};

const modelObject = (id: string): object => ({
  type: 'model',
  id,
  display_name: id,
  created_at: '2025-01-01T00:00:00Z',
});

function answer(request: ModelRequest, product: Product, { serial }: AnswerFacts): string {
  const { text, cut } = product.choices[0] as Choice;
  return (
    `{"id":"msg_sim${serial}","type":"message","role":"assistant","model":${JSON.stringify(request.model)},` +
    `"content":[{"type":"text","text":${JSON.stringify(text)}}],"stop_reason":"${cut ? 'max_tokens' : 'end_turn'}",` +
    `"stop_sequence":null,"usage":{"input_tokens":${request.inputTokens},"cache_creation_input_tokens":0,` +
    `"cache_read_input_tokens":0,"output_tokens":${product.outputTokens},"service_tier":"standard"}}`
  );
}

function rateLimitHeaders(limits: ReadonlyMap<Dimension, LimitView>, wallMs: number): RawHeaders {
  const headers: RawHeaders = [];
  add(headers, { what: 'requests', roundTo: 1, wallMs }, limits.get('rpm'));
  add(headers, { what: 'tokens', roundTo: 1_000, wallMs }, mostRestrictiveTokens(limits));
  add(headers, { what: 'input-tokens', roundTo: 1_000, wallMs }, limits.get('itpm'));
  add(headers, { what: 'output-tokens', roundTo: 1_000, wallMs }, limits.get('otpm'));
  return headers;
}

/** `tokens-*` shows whichever token limit is the most restrictive at present. */
function mostRestrictiveTokens(limits: ReadonlyMap<Dimension, LimitView>): LimitView | undefined {
  let found: LimitView | undefined;
  for (const dimension of ['tpm', 'itpm', 'otpm'] as const) {
    const view = limits.get(dimension);
    if (view === undefined) continue;
    const left = view.remaining / view.perMinute;
    if (found === undefined || left < found.remaining / found.perMinute) found = view;
  }
  return found;
}

/** Token remainders are rounded to the nearest thousand, resets to the second, as the vendor does. */
function add(
  headers: RawHeaders,
  { what, roundTo, wallMs }: { what: string; roundTo: number; wallMs: number },
  view: LimitView | undefined,
): void {
  if (view === undefined) return;
  const remaining = roundTo === 1 ? Math.floor(view.remaining + 1e-6) : view.remaining;
  headers.push(
    `anthropic-ratelimit-${what}-limit`,
    String(view.perMinute),
    `anthropic-ratelimit-${what}-remaining`,
    String(Math.max(0, Math.round(remaining / roundTo) * roundTo)),
    `anthropic-ratelimit-${what}-reset`,
    rfc3339(wallMs + view.resetMs),
  );
}

function rfc3339(wallMs: number): string {
  return `${new Date(Math.ceil(wallMs / 1_000) * 1_000).toISOString().slice(0, 19)}Z`;
}
