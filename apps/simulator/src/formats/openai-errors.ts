/** OpenAI's failures, word for word where they are public: status, `error.type`, `error.code`, `retry-after`. */
import { CONCURRENCY_RETRY_MS, retryAfterMs, retryAfterSeconds } from '@sluice/windows';
import type { Failure, RateLimited, RawHeaders, Reply } from './wire-format.ts';

interface OpenaiError {
  message: string;
  type: string;
  param?: string | null;
  code: string | null;
}

export function openaiFailure(failure: Failure): Reply {
  switch (failure.kind) {
    case 'bad_request':
      return reply(400, invalid(failure.message, null, failure.param));
    case 'unknown_key':
      return reply(401, invalid('Incorrect API key provided.', 'invalid_api_key'));
    case 'unknown_url':
      return reply(404, invalid(`Invalid URL (${failure.method} ${failure.path})`, 'unknown_url'));
    case 'too_large':
      return reply(413, invalid('Request body is too large.', 'request_too_large'));
    case 'model_gone':
      return reply(404, modelNotFound(failure.model));
    case 'context_too_long':
      return reply(400, contextTooLong(failure));
    case 'content_refused':
      return reply(400, CONTENT_REFUSED);
    case 'quota_exhausted':
      return reply(failure.status ?? 429, QUOTA_EXHAUSTED);
    case 'server_error':
      return reply(failure.status, serverError(failure.status));
    default:
      return reply(429, rateLimited(failure), retryAfter(failure));
  }
}

function reply(status: number, error: OpenaiError, headers: RawHeaders = []): Reply {
  const { message, type, param = null, code } = error;
  return { status, headers, body: JSON.stringify({ error: { message, type, param, code } }) };
}

function invalid(message: string, code: string | null, param: string | null = null): OpenaiError {
  return { message, type: 'invalid_request_error', param, code };
}

function modelNotFound(model: string): OpenaiError {
  const message = `The model \`${model}\` does not exist or you do not have access to it.`;
  return invalid(message, 'model_not_found');
}

function contextTooLong({ tokens, max }: { tokens: number; max: number }): OpenaiError {
  const message =
    `This model's maximum context length is ${max} tokens. However, your messages resulted in ` +
    `${tokens} tokens. Please reduce the length of the messages.`;
  return invalid(message, 'context_length_exceeded', 'messages');
}

/** As Azure OpenAI answers. */
const CONTENT_REFUSED: OpenaiError = {
  message:
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. " +
    'Please modify your prompt and retry.',
  type: 'invalid_request_error',
  param: 'prompt',
  code: 'content_filter',
};

const QUOTA_EXHAUSTED: OpenaiError = {
  message:
    'You exceeded your current quota, please check your plan and billing details. For more information on ' +
    'this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.',
  type: 'insufficient_quota',
  code: 'insufficient_quota',
};

function serverError(status: number): OpenaiError {
  if (status === 503) {
    const message = 'The server is currently overloaded. Please try again later.';
    return { message, type: 'service_unavailable_error', code: 'server_is_overloaded' };
  }
  const message = 'The server had an error while processing your request. Sorry about that!';
  return { message, type: 'server_error', code: null };
}

const LIMIT_NAMES = {
  rpm: { per: 'requests per min (RPM)', type: 'requests' },
  tpm: { per: 'tokens per min (TPM)', type: 'tokens' },
  itpm: { per: 'input tokens per min (ITPM)', type: 'tokens' },
  otpm: { per: 'output tokens per min (OTPM)', type: 'tokens' },
  rpd: { per: 'requests per day (RPD)', type: 'requests' },
  tpd: { per: 'tokens per day (TPD)', type: 'tokens' },
  concurrency: { per: 'concurrent requests', type: 'requests' },
} as const;

function rateLimited(failure: RateLimited): OpenaiError {
  const { per, type } = LIMIT_NAMES[failure.limit];
  const [used, value, requested] = [failure.used, failure.value, failure.requested].map(Math.round);
  const message =
    `Rate limit reached for ${failure.model} on ${per}: Limit ${value}, Used ${used}, ` +
    `Requested ${requested}. Please try again in ${goDuration(waitOf(failure))}. ` +
    'Visit https://platform.openai.com/account/rate-limits to learn more.';
  return { message, type, code: 'rate_limit_exceeded' };
}

function retryAfter(failure: RateLimited): RawHeaders {
  const waitMs = waitOf(failure);
  const [seconds, ms] = [retryAfterSeconds(waitMs), retryAfterMs(waitMs)];
  return ['retry-after', String(seconds), 'retry-after-ms', String(ms)];
}

const waitOf = ({ waitMs }: RateLimited): number => waitMs ?? CONCURRENCY_RETRY_MS;

/** A duration as Go prints it, to the millisecond, rounded up: `12ms`, `1s`, `8.64s`, `6m0s`, `1h0m0s`. */
export function goDuration(ms: number): string {
  const whole = Math.ceil(ms - 1e-6);
  if (whole <= 0) return '0s';
  if (whole < 1_000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  const seconds = `${(whole % 60_000) / 1_000}s`;
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}
