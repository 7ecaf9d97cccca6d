/**
 * Anthropic's Messages API. Chat completions in OpenAI's format are translated in and out; what a Messages request
 * cannot express is named by `cannotSay`, never dropped without being asked to.
 */
import type { Endpoint } from '@sluice/job';
import type { Adapter, Answer, Body, Call, ProviderRequest, ProviderResponse } from '../adapter.ts';
import { timeOf } from '../duration.ts';
import { classify, errorObject, failed, unreadable } from '../failure.ts';
import { isObject, parseJson } from '../json.ts';
import { buildUrl, mergeHeaders } from '../request.ts';
import { readUsage, toChatCompletion } from './answer.ts';
import { ANTHROPIC_FAILURES, readComplaint } from './failures.ts';
import { translate } from './translate.ts';

const CHAT = '/v1/chat/completions';
/** The version whose request this is; 2026-10-21 refuses `temperature` and `top_p` (wire-spec 0.4). */
const VERSION = '2023-06-01';

export const anthropic: Adapter = {
  type: 'anthropic',
  defaultBaseUrl: 'https://api.anthropic.com',
  // "max_tokens does not factor into OTPM": charged as produced (wire-spec 4.3, rate-limits page).
  endpoints: [CHAT],
  cannotSay: (endpoint, body) => (endpoint === CHAT ? translate(body).unsayable : ['endpoint']),
  buildRequest,
  readAnswer,
};

function buildRequest({ endpoint, body, deployment }: Call): ProviderRequest {
  if (endpoint !== CHAT) throw new TypeError(`the anthropic format has no ${endpoint}`);
  const { provider, params, query, model, defaultMaxTokens } = deployment;
  const key = provider.apiKey === null ? {} : { 'x-api-key': provider.apiKey };
  // `params` are in Anthropic's own spelling here; `max_tokens` is required.
  const request: Body = {
    max_tokens: defaultMaxTokens,
    ...params,
    ...translate(body).request,
    model,
  };
  return {
    method: 'POST',
    // Anthropic's SDKs want the bare host; a base URL that ends in /v1, as OpenAI's do, is taken too.
    url: buildUrl(provider.baseUrl.replace(/\/v1\/?$/, ''), '/v1/messages', query),
    headers: mergeHeaders({ ...key, 'anthropic-version': VERSION }, deployment),
    body: JSON.stringify(request),
  };
}

function readAnswer(_endpoint: Endpoint, response: ProviderResponse): Answer {
  const parsed = parseJson(response.text);
  const succeeded = response.status >= 200 && response.status < 300;
  if (!succeeded || errorObject(parsed)) return readFailure(response, parsed);
  if (!isObject(parsed) || !Array.isArray(parsed['content'])) return unreadable(response);
  return {
    outcome: 'ok',
    statusCode: response.status,
    body: JSON.stringify(toChatCompletion(parsed, Math.floor((timeOf(response) ?? 0) / 1000))),
    usage: readUsage(parsed['usage']),
    retryAfterMs: null,
    message: null,
  };
}

function readFailure(response: ProviderResponse, parsed: unknown): Answer {
  const complaint = readComplaint(response, parsed);
  const outcome = classify(complaint, ANTHROPIC_FAILURES);
  return failed({ outcome, complaint, response, envelope: null, usage: null });
}
