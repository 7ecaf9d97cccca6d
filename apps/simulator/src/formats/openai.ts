/** The OpenAI server: chat completions, responses, completions, embeddings, moderations, models. */
import type { Dimension, LimitView } from '@sluice/windows';
import { openaiAnswer } from './openai-answers.ts';
import { goDuration, openaiFailure } from './openai-errors.ts';
import type { RawHeaders, WireFormat } from './wire-format.ts';

export const openai: WireFormat = {
  fail: openaiFailure,
  answer: openaiAnswer,
  modelList: (models) => JSON.stringify({ object: 'list', data: models.map(modelObject) }),
  model: (model) => JSON.stringify(modelObject(model)),
  rateLimitHeaders,
  requestIdHeader: 'x-request-id',
};

const modelObject = (id: string): object => ({
  id,
  object: 'model',
  created: 1_700_000_000,
  owned_by: 'simulator',
});

function rateLimitHeaders(limits: ReadonlyMap<Dimension, LimitView>): RawHeaders {
  const headers: RawHeaders = [];
  add(headers, 'requests', limits.get('rpm'));
  add(headers, 'tokens', limits.get('tpm'));
  return headers;
}

function add(headers: RawHeaders, what: string, view: LimitView | undefined): void {
  if (view === undefined) return;
  headers.push(
    `x-ratelimit-limit-${what}`,
    String(view.perMinute),
    `x-ratelimit-remaining-${what}`,
    String(Math.max(0, Math.floor(view.remaining + 1e-6))),
    `x-ratelimit-reset-${what}`,
    goDuration(view.resetMs),
  );
}
