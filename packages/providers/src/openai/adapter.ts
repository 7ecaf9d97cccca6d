/**
 * OpenAI's wire format, as OpenAI and every compatible server speak it (Azure, Groq, Mistral, Gemini's compatible
 * endpoint, OpenRouter, vLLM, Ollama …). Requests and answers pass through untouched, also fields that are not
 * known here; only `model` is set and the deployment's `params` are added.
 */
import { ENDPOINTS } from '@sluice/job';
import type { Endpoint } from '@sluice/job';
import type { Adapter, Answer, Body, Call, ProviderRequest, ProviderResponse } from '../adapter.ts';
import { classify, failed, unreadable } from '../failure.ts';
import { isObject, onOneLine, parseJson } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { buildUrl, mergeHeaders } from '../request.ts';
import { readComplaint } from './complaint.ts';
import { OPENAI_FAILURES } from './failures.ts';
import { readUsage } from './usage.ts';

export const openai: Adapter = {
  type: 'openai',
  defaultBaseUrl: 'https://api.openai.com/v1',
  // The limiter charges max(max_tokens, estimate by characters) at admission and gives nothing back (wire-spec 4.3).
  endpoints: ENDPOINTS,
  cannotSay,
  buildRequest,
  readAnswer,
};

/** All can be said; but a stream, or a reply that only says "started", would not be an answer to record. */
function cannotSay(_endpoint: Endpoint, body: Body): string[] {
  return ['stream', 'background'].filter((name) => body[name] === true);
}

function buildRequest({ endpoint, body, deployment }: Call): ProviderRequest {
  const { provider, params, query, model } = deployment;
  const authorization =
    provider.apiKey === null ? {} : { authorization: `Bearer ${provider.apiKey}` };
  return {
    method: 'POST',
    // The base URL carries the version ("…/v1"), as the SDKs have it.
    url: buildUrl(provider.baseUrl, endpoint.slice('/v1'.length), query),
    headers: mergeHeaders(authorization, deployment),
    body: JSON.stringify({ ...params, ...body, model }),
  };
}

function readAnswer(_endpoint: Endpoint, response: ProviderResponse): Answer {
  const parsed = parseJson(response.text);
  if (response.status < 200 || response.status >= 300) return readFailure(response, parsed);
  if (!isObject(parsed)) return unreadable(response);
  if (failedInside(parsed)) return readFailure(response, parsed);
  return {
    outcome: 'ok',
    statusCode: response.status,
    body: onOneLine(response.text),
    usage: readUsage(parsed['usage']),
    retryAfterMs: null,
    message: null,
  };
}

/**
 * A failure inside HTTP 200: OpenRouter's, once generation has begun, as `error` or in the choice; and a response
 * object with `status: "failed"`. A `finish_reason` of `content_filter` is an answer that was paid for, so it stays
 * one.
 */
function failedInside(body: JsonObject): boolean {
  return isObject(body['error']) || choiceError(body) !== null;
}

function choiceError(body: JsonObject): JsonObject | null {
  const choices: unknown = body['choices'];
  const first: unknown = Array.isArray(choices) ? choices[0] : null;
  return isObject(first) && isObject(first['error']) ? first['error'] : null;
}

function readFailure(response: ProviderResponse, parsed: unknown): Answer {
  const body = isObject(parsed) ? parsed : null;
  const inChoice = body && choiceError(body);
  const complaint = readComplaint(response, inChoice ? { error: inChoice } : parsed);
  const isEnvelope =
    response.status >= 300 &&
    isObject(body?.['error']) &&
    typeof body['error']['message'] === 'string';
  return failed({
    outcome: classify(complaint, OPENAI_FAILURES),
    complaint,
    response,
    envelope: isEnvelope ? onOneLine(response.text) : null,
    usage: readUsage(body?.['usage']),
  });
}
