/**
 * Finds what an OpenAI-compatible server says about a failure. The envelope is `{error: {message, type, param,
 * code}}`; compatible servers vary it in the ways listed beside the code (wire-spec 4.1, 4.2).
 */
import type { ProviderResponse } from '../adapter.ts';
import type { Complaint } from '../failure.ts';
import { errorObject } from '../failure.ts';
import { asString, isObject, parseJson } from '../json.ts';
import type { JsonObject } from '../json.ts';

export function readComplaint(response: ProviderResponse, parsed: unknown): Complaint {
  // vLLM before 0.10 and Mistral put the fields at the top.
  const error = errorObject(parsed) ?? (isObject(parsed) ? parsed : null);
  const inner = error && upstreamError(error);
  const status = effectiveStatus(response.status, error);
  const message = messageOf(inner) ?? messageOf(error) ?? plainText(response.text);
  return { status, codes: error ? codesOf(error, inner, status) : [], message, error };
}

/** OpenRouter's errors inside HTTP 200 carry the status as `code`; others name none and count as a bad gateway. */
function effectiveStatus(status: number, error: JsonObject | null): number {
  if (status < 200 || status >= 300) return status;
  const code = Number(error?.['code']);
  return Number.isInteger(code) && code >= 400 && code < 600 ? code : 502;
}

/** OpenRouter: `message` is "Provider returned error", the provider's own words are in `metadata.raw`. */
function upstreamError(error: JsonObject): JsonObject | null {
  const raw = isObject(error['metadata']) ? asString(error['metadata']['raw']) : null;
  return raw === null ? null : (errorObject(parseJson(raw)) ?? { message: raw });
}

function codesOf(error: JsonObject, inner: JsonObject | null, status: number): string[] {
  const metadata = isObject(error['metadata']) ? error['metadata'] : {};
  const azure = isObject(error['innererror']) ? error['innererror'] : {};
  const codes = [
    ...googleCodes(error),
    moderated(metadata) ? 'moderation' : null,
    // A 404 about a parameter other than the model (a file, a previous response) is the request's own mistake.
    status === 404 && (asString(error['param']) ?? 'model') !== 'model'
      ? 'missing_reference'
      : null,
    inner?.['code'],
    error['code'],
    azure['code'],
    metadata['limit_source'],
    metadata['error_type'],
    error['status'],
    inner?.['type'],
    error['type'],
  ];
  return codes.filter((code) => typeof code === 'string').map((code) => code.toLowerCase());
}

/** OpenRouter's 403 for moderated input: `metadata: {reasons, flagged_input, …}`. */
const moderated = (metadata: JsonObject): boolean =>
  Array.isArray(metadata['reasons']) || metadata['flagged_input'] !== undefined;

/**
 * Google says RESOURCE_EXHAUSTED for a full minute, a full day and no quota at all. `details[]` tells them apart:
 * QuotaFailure names quotas such as `GenerateRequestsPerDayPerProjectPerModel-FreeTier`, ErrorInfo a reason.
 */
function googleCodes(error: JsonObject): string[] {
  const details: unknown[] = Array.isArray(error['details']) ? error['details'] : [];
  const codes: string[] = [];
  for (const detail of details.filter(isObject)) {
    const reason = asString(detail['reason']);
    if (reason) codes.push(reason);
    const violations: unknown[] = Array.isArray(detail['violations']) ? detail['violations'] : [];
    if (
      violations.some(
        (violation) => isObject(violation) && /PerDay/.test(String(violation['quotaId'])),
      )
    )
      codes.push('daily_quota');
  }
  // "…, limit: 0": this tier has no quota for the model.
  if (error['status'] === 'RESOURCE_EXHAUSTED' && /\blimit: 0\b/.test(messageOf(error) ?? ''))
    codes.push('no_quota');
  return codes;
}

/** `message`; Ollama's `{error: "…"}`; FastAPI's `{detail: "…" | [{msg, input}]}`, of which `input` is the prompt. */
function messageOf(error: JsonObject | null): string | null {
  if (!error) return null;
  const detail: unknown = error['detail'];
  const details = Array.isArray(detail)
    ? detail.map((item: unknown) => (isObject(item) ? asString(item['msg']) : null)).filter(Boolean)
    : [];
  return (
    asString(error['message']) ??
    asString(error['error']) ??
    asString(detail) ??
    asString(details.join('; '))
  );
}

/** A proxy's page has a title, a plain text is one; JSON that said nothing known may hold anything. */
function plainText(text: string): string {
  const title = /<title>([^<]{1,200})/i.exec(text);
  if (title) return title[1] as string;
  return /^\s*[<{["]/.test(text) ? '' : text;
}
