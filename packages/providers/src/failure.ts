/**
 * From a failed response to a failure class: the provider's code first, its words second, the status last
 * (wire-spec 4.2). Each format brings its own table; the status table is common to all.
 */
import type { FailureClass, Usage } from '@sluice/job';
import type { Answer, FailedAnswer, ProviderResponse } from './adapter.ts';
import { cleanMessage } from './error-message.ts';
import { asString, isObject } from './json.ts';
import type { JsonObject } from './json.ts';
import { readRetryAfter } from './retry-after.ts';

/** What a provider said about a failure, whatever shape it said it in. */
export interface Complaint {
  /** The status that counts: the HTTP one, or the one named inside an HTTP 200. */
  status: number;
  /** Codes in the order in which they decide, most specific first; lower case. */
  codes: string[];
  message: string;
  /** The error object itself, where there is one. */
  error: JsonObject | null;
}

export interface FailureTable {
  /** A code decides alone. */
  byCode: ReadonlyMap<string, FailureClass>;
  /** Where there is no telling code: words, tried in order, under the given statuses only. */
  byWords: readonly { words: RegExp; statuses: readonly number[]; outcome: FailureClass }[];
}

/** The class of a complaint. */
export function classify(complaint: Complaint, table: FailureTable): FailureClass {
  for (const code of complaint.codes) {
    const outcome = table.byCode.get(code);
    if (outcome) return outcome;
  }
  const told = table.byWords.find(
    ({ words, statuses }) => statuses.includes(complaint.status) && words.test(complaint.message),
  );
  return told?.outcome ?? byStatus(complaint.status);
}

/** Statuses that say more than their hundred. */
const BY_STATUS: ReadonlyMap<number, FailureClass> = new Map<number, FailureClass>([
  [401, 'credential'],
  [402, 'quota_exhausted'],
  [403, 'credential'],
  // Nothing is served at this path or method: as gone as a model, and just as little the job's fault.
  [404, 'model_gone'],
  [405, 'model_gone'],
  [410, 'model_gone'],
  [408, 'timeout'],
  // The SDKs treat 409 as a lock conflict and repeat it (wire-spec 0.12); 424/425 are the server's troubles too.
  [409, 'provider_error'],
  [424, 'provider_error'],
  [425, 'provider_error'],
  [429, 'rate_limited'],
  // Groq's `capacity_exceeded` of the flex tier.
  [498, 'overloaded'],
  [503, 'overloaded'],
  [504, 'timeout'],
  // Cloudflare in front of the provider: 522 could not connect, 524 no answer in time.
  [522, 'timeout'],
  [524, 'timeout'],
  [529, 'overloaded'],
]);

/** A redirect is not followed and an answer that is none has no class of its own: both are the provider's error. */
function byStatus(status: number): FailureClass {
  const known = BY_STATUS.get(status);
  if (known) return known;
  return status >= 400 && status < 500 ? 'bad_request' : 'provider_error';
}

/** OpenAI's name for a class, for envelopes we write ourselves; null where it has none. */
const CODE: Readonly<Record<FailureClass, string | null>> = {
  rate_limited: 'rate_limit_exceeded',
  quota_exhausted: 'insufficient_quota',
  overloaded: 'server_is_overloaded',
  credential: 'invalid_api_key',
  model_gone: 'model_not_found',
  context_too_long: 'context_length_exceeded',
  content_refused: 'content_filter',
  bad_request: null,
  timeout: null,
  network: null,
  provider_error: null,
  lost: null,
};

interface Failure {
  outcome: FailureClass;
  complaint: Complaint;
  response: ProviderResponse;
  /** The provider's body, if it is an OpenAI envelope on one line already. */
  envelope: string | null;
  usage: Usage | null;
}

/** The answer for a failed call. */
export function failed({ outcome, complaint, response, envelope, usage }: Failure): FailedAnswer {
  const message = cleanMessage(complaint.message, `HTTP ${complaint.status} without a message`);
  // Providers repeat part of the key in its refusal: that text goes no further.
  const keep = outcome === 'credential' ? null : envelope;
  return {
    outcome,
    statusCode: errorStatus(complaint.status),
    body: keep ?? writeEnvelope(outcome, complaint, message),
    usage,
    retryAfterMs: readRetryAfter(response, complaint.error),
    message,
  };
}

/** A redirect, a 304 or a 999 is no answer to a POST: handed on, it would mean something else to the client. */
const errorStatus = (status: number): number => (status >= 400 && status <= 599 ? status : 502);

function writeEnvelope(
  outcome: FailureClass,
  { error, status }: Complaint,
  message: string,
): string {
  const type =
    asString(error?.['type']) ??
    (errorStatus(status) < 500 ? 'invalid_request_error' : 'server_error');
  const param = asString(error?.['param']);
  return JSON.stringify({ error: { message, type, param, code: CODE[outcome] } });
}

/** HTTP 200 whose body is not an answer at all (a proxy's page, an empty or truncated body). */
export function unreadable(response: ProviderResponse): Answer {
  const message = `HTTP ${response.status} whose body is not a JSON object`;
  const complaint = { status: response.status, codes: [], message, error: null };
  const told = { complaint, response, envelope: null, usage: null };
  const answer = failed({ outcome: 'provider_error', ...told });
  return response.status < 300 ? { ...answer, unreadable: true } : answer;
}

/** The error object in a parsed body: `{error: {…}}`, and Google's `[{error: {…}}]`. */
export function errorObject(parsed: unknown): JsonObject | null {
  const outer = Array.isArray(parsed) ? (parsed[0] as unknown) : parsed;
  if (!isObject(outer)) return null;
  return isObject(outer['error']) ? outer['error'] : null;
}
