/**
 * Failure classes of OpenAI-compatible servers. Sources: wire-spec 4.1 and 4.2; OpenAI's error-code guide; the
 * vendors' error pages where named. Generic types (`invalid_request_error`, `server_error`, `api_error`) are left
 * out on purpose: they come with telling codes or not at all, and then the status knows more.
 */
import type { FailureClass } from '@sluice/job';
import type { FailureTable } from '../failure.ts';

const CODES: Readonly<Partial<Record<FailureClass, readonly string[]>>> = {
  quota_exhausted: [
    // OpenAI, all with status 429: type, old code, and the codes of 2026.
    'insufficient_quota',
    'credit_balance_exhausted',
    'organization_spend_limit_exceeded',
    'project_spend_limit_exceeded',
    'organization_usage_limit_exceeded',
    'billing_hard_limit_reached',
    'billing_not_active',
    // OpenRouter `metadata.limit_source` on 402.
    'openrouter_credits',
    'openrouter_key_limit',
    // Ours, from Google's details: back at midnight Pacific, or never.
    'daily_quota',
    'no_quota',
  ],
  rate_limited: [
    'rate_limit_exceeded',
    'rate_limit_error',
    // "Ramp too fast": inside the limits, but growing faster than OpenAI allows.
    'slow_down',
    'too_many_requests',
    // Azure, Google, Bedrock's compatible endpoint.
    'ratelimitreached',
    'resource_exhausted',
    'throttlingexception',
  ],
  overloaded: [
    'server_is_overloaded',
    'service_unavailable_error',
    'overloaded_error',
    'engine_overloaded',
    // Google, Groq's flex tier, Azure, Bedrock, OpenRouter `metadata.error_type`.
    'unavailable',
    'capacity_exceeded',
    'nocapacity',
    'serviceunavailableexception',
    'modelnotreadyexception',
    'provider_overloaded',
    'provider_unavailable',
  ],
  context_too_long: [
    'context_length_exceeded',
    'string_above_max_length',
    // OpenRouter.
    'max_tokens_exceeded',
  ],
  content_refused: [
    'content_filter',
    'content_policy_violation',
    // Azure `innererror.code`.
    'responsibleaipolicyviolation',
    // OpenAI: "Invalid prompt: your prompt was flagged as potentially violating our usage policy".
    'invalid_prompt',
    // Ours, from OpenRouter's 403.
    'moderation',
  ],
  credential: [
    'invalid_api_key',
    'incorrect_api_key',
    'account_deactivated',
    'organization_deactivated',
    'invalid_organization',
    'mismatched_organization',
    'mismatched_project',
    'ip_not_authorized',
    'unsupported_country_region_territory',
    'insufficient_permissions',
    'authentication_error',
    'permission_error',
    // Google.
    'api_key_invalid',
    'unauthenticated',
    'permission_denied',
  ],
  model_gone: [
    'model_not_found',
    'model_not_available',
    // Azure, Groq, Mistral.
    'deploymentnotfound',
    'model_decommissioned',
    'model_deprecated',
    'invalid_model',
  ],
  timeout: ['request_timeout', 'timeout_error', 'deadline_exceeded'],
  bad_request: [
    // Ours: a 404 about something other than the model.
    'missing_reference',
    'previous_response_not_found',
  ],
};

const BAD = [400, 413, 422];

export const OPENAI_FAILURES: FailureTable = {
  byCode: new Map(
    Object.entries(CODES).flatMap(([outcome, codes]) =>
      codes.map((code) => [code, outcome as FailureClass] as const),
    ),
  ),
  byWords: [
    // vLLM, Mistral, Ollama, Gemini ("input token count … exceeds the maximum number of tokens"): no code.
    {
      words: /context (?:length|window|size)|prompt is too long|token count.*exceeds the maximum/i,
      statuses: BAD,
      outcome: 'context_too_long',
    },
    // OpenRouter ("is not a valid model ID"), vLLM and Ollama say it in words; Google with status 400 or 404.
    {
      words:
        /not a valid model|model\b.{0,80}(?:does not exist|not found|decommissioned|not supported)/i,
      statuses: BAD,
      outcome: 'model_gone',
    },
    { words: /api key (?:not valid|is invalid|expired)/i, statuses: [400], outcome: 'credential' },
    {
      words: /content (?:management )?policy|content filter|flagged/i,
      statuses: [400, 403],
      outcome: 'content_refused',
    },
    // DeepSeek ("Insufficient Balance" is a 402), Cohere's trial keys ("1000 API calls / month").
    {
      words: /credit balance|insufficient (?:balance|credits?|funds)|\/ ?month|per month/i,
      statuses: [400, 403, 429],
      outcome: 'quota_exhausted',
    },
    // "The engine is currently overloaded": OpenAI once with 429, other servers with 500.
    { words: /overloaded|no capacity/i, statuses: [429, 500, 502], outcome: 'overloaded' },
  ],
};
