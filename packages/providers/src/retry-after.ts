/**
 * The wait a provider asks for after a failure. Order: `retry-after-ms`, then `retry-after` (seconds or an HTTP
 * date), as the official SDKs read them (wire-spec 4.5); then Google's RetryInfo in the body (4.1, Gemini sends no
 * header); then "try again in 1.2s", which OpenAI-compatible servers write into the message.
 *
 * At most a minute: a longer wait may be a mistake (a date in the wrong unit), and believing it would park a deployment
 * for as long. What really lasts longer is asked about once a minute. A moment that has passed says nothing.
 */
import type { ProviderResponse } from './adapter.ts';
import { parseDuration, parseWait, timeOf } from './duration.ts';
import { asString, isObject } from './json.ts';
import type { JsonObject } from './json.ts';

/** The longest wait that is honoured for one answer, ms. */
const MOST_RETRY_AFTER_MS = 60_000;

/** Milliseconds, at most a minute; null where the provider does not say. `error` is the error object of the body. */
export function readRetryAfter(
  response: ProviderResponse,
  error: JsonObject | null,
): number | null {
  const said = fromHeaders(response) ?? fromRetryInfo(error) ?? fromMessage(error);
  return said === null ? null : Math.min(MOST_RETRY_AFTER_MS, said);
}

function fromHeaders(response: ProviderResponse): number | null {
  const inMs = response.headers['retry-after-ms'];
  if (inMs !== undefined && /^\d+(\.\d+)?$/.test(inMs)) return Math.ceil(Number(inMs));
  const after = response.headers['retry-after'];
  if (after === undefined) return null;
  return parseDuration(after) ?? laterOnly(parseWait(after, timeOf(response)));
}

const laterOnly = (wait: number | null): number | null => (wait === 0 ? null : wait);

function fromRetryInfo(error: JsonObject | null): number | null {
  const details = error?.['details'];
  if (!Array.isArray(details)) return null;
  for (const detail of details) {
    const delay = isObject(detail) ? asString(detail['retryDelay']) : null;
    if (delay !== null) return parseDuration(delay);
  }
  return null;
}

function fromMessage(error: JsonObject | null): number | null {
  const message = asString(error?.['message']);
  const match = message && /(?:try again|retry) in (\d[\dhms.]*[smh])/.exec(message);
  return match ? parseDuration(match[1] as string) : null;
}
