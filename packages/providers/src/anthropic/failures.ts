/**
 * Failure classes of the Messages API: `{type: "error", error: {type, message, details?}, request_id}`.
 * Sources: wire-spec 2 (error envelope) and 4.2. `invalid_request_error` covers much, so its messages decide; those
 * below were read in public bug reports of 2024–2026.
 */
import type { FailureClass } from '@sluice/job';
import type { ProviderResponse } from '../adapter.ts';
import { errorObject } from '../failure.ts';
import type { Complaint, FailureTable } from '../failure.ts';
import { asString, isObject } from '../json.ts';

const SPENT: readonly string[] = [
  'billing_error',
  // `error.details.error_code` of a 429 without retry-after.
  'enforced_spend_limit_reached',
  'contract_spend_limit_reached',
  'ramp_spend_limit_reached',
];

export const ANTHROPIC_FAILURES: FailureTable = {
  byCode: new Map<string, FailureClass>([
    ...SPENT.map((code) => [code, 'quota_exhausted'] as const),
    ['authentication_error', 'credential'],
    ['permission_error', 'credential'],
    ['not_found_error', 'model_gone'],
    // Includes "acceleration limits", which a sharp rise meets inside the limits.
    ['rate_limit_error', 'rate_limited'],
    ['overloaded_error', 'overloaded'],
    ['timeout_error', 'timeout'],
    ['api_error', 'provider_error'],
    ['conflict_error', 'provider_error'],
    ['request_too_large', 'bad_request'],
  ]),
  byWords: [
    {
      // "prompt is too long: 208656 tokens > 200000 maximum"; "input length and `max_tokens` exceed context limit: …"
      words: /prompt is too long|exceed context limit/i,
      statuses: [400, 413],
      outcome: 'context_too_long',
    },
    {
      // "Your credit balance is too low to access the Anthropic API."; "You have reached your specified API usage
      // limits. You will regain access on 2026-04-01 at 00:00 UTC."
      words: /credit balance is too low|reached your specified API usage limits/i,
      statuses: [400, 403],
      outcome: 'quota_exhausted',
    },
    {
      words: /blocked by content filtering policy/i,
      statuses: [400, 403],
      outcome: 'content_refused',
    },
    { words: /organization has been disabled/i, statuses: [400], outcome: 'credential' },
  ],
};

export function readComplaint(response: ProviderResponse, parsed: unknown): Complaint {
  const error = errorObject(parsed);
  const details = isObject(error?.['details']) ? error['details'] : {};
  const type = asString(error?.['type']);
  const codes = [asString(details['error_code']), type].filter((code) => code !== null);
  const succeeded = response.status >= 200 && response.status < 300;
  return {
    status: succeeded ? 502 : response.status,
    codes,
    message: asString(error?.['message']) ?? '',
    error,
  };
}
