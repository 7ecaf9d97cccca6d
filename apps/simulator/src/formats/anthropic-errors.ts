/** Anthropic's failures: status, `error.type`, `request_id`, `retry-after` in whole seconds. */
import { CONCURRENCY_RETRY_MS, retryAfterSeconds } from '@sluice/windows';
import type { Failure, RateLimited, RawHeaders, Reply } from './wire-format.ts';

interface AnthropicError {
  type: string;
  message: string;
  details?: { error_code: string };
}

export function anthropicFailure(failure: Failure, serial: number): Reply {
  const { status, error, headers = [] } = said(failure);
  const body = JSON.stringify({ type: 'error', error, request_id: `req_sim${serial}` });
  return { status, headers, body };
}

interface Said {
  status: number;
  error: AnthropicError;
  headers?: RawHeaders;
}

function said(failure: Failure): Said {
  switch (failure.kind) {
    case 'bad_request':
      return invalid(failure.message);
    case 'unknown_key':
      return { status: 401, error: { type: 'authentication_error', message: 'invalid x-api-key' } };
    case 'unknown_url':
      return { status: 404, error: { type: 'not_found_error', message: 'Not found' } };
    case 'too_large':
      return { status: 413, error: TOO_LARGE };
    case 'model_gone':
      return {
        status: 404,
        error: { type: 'not_found_error', message: `model: ${failure.model}` },
      };
    case 'context_too_long':
      return invalid(`prompt is too long: ${failure.tokens} tokens > ${failure.max} maximum`);
    case 'content_refused':
      return invalid('Output blocked by content filtering policy');
    case 'quota_exhausted':
      return quotaExhausted(failure.status ?? 402);
    case 'server_error':
      return { status: failure.status, error: serverError(failure.status) };
    default:
      return { status: 429, error: rateLimited(failure), headers: retryAfter(failure) };
  }
}

function invalid(message: string): Said {
  return { status: 400, error: { type: 'invalid_request_error', message } };
}

const TOO_LARGE: AnthropicError = {
  type: 'request_too_large',
  message: 'Request exceeds the maximum size',
};

/** 402, or 429 when a spend limit is enforced: then without `retry-after`. */
function quotaExhausted(status: number): Said {
  if (status === 429) {
    const message = 'This request would exceed the spend limit of your organization.';
    const details = { error_code: 'enforced_spend_limit_reached' };
    return { status, error: { type: 'rate_limit_error', message, details } };
  }
  const message =
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.';
  return { status, error: { type: 'billing_error', message } };
}

function serverError(status: number): AnthropicError {
  if (status === 529) return { type: 'overloaded_error', message: 'Overloaded' };
  if (status === 504) return { type: 'timeout_error', message: 'Request timed out' };
  return { type: 'api_error', message: 'Internal server error' };
}

const LIMIT_NAMES = {
  rpm: 'requests per minute',
  tpm: 'tokens per minute',
  itpm: 'input tokens per minute',
  otpm: 'output tokens per minute',
  rpd: 'requests per day',
  tpd: 'tokens per day',
} as const;

function rateLimited({ limit, value, model }: RateLimited): AnthropicError {
  const message =
    limit === 'concurrency'
      ? `Number of concurrent connections has exceeded your rate limit of ${value} (model: ${model}). Please try again later.`
      : `This request would exceed the rate limit for your organization of ${value.toLocaleString('en-US')} ` +
        `${LIMIT_NAMES[limit]} (model: ${model}). For details, refer to: https://docs.claude.com/en/api/rate-limits.`;
  return { type: 'rate_limit_error', message };
}

function retryAfter({ waitMs }: RateLimited): RawHeaders {
  return ['retry-after', String(retryAfterSeconds(waitMs ?? CONCURRENCY_RETRY_MS))];
}
