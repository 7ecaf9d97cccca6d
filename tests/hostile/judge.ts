/** What every answer must be, whatever was sent. */
import type { HostileCase } from './cases.ts';
import type { HostileAnswer } from './send.ts';
import { specialAddress } from './urls.ts';

/** Longer than any answer may take: jobs of these runs end within their deadline of 20 s. */
export const TIMEOUT_MS = 40_000;

/** Answers of our own that say "not now", each documented in docs/errors.md, with when to come again. */
const NOT_NOW = new Set([503, 504, 502]);

/** What is wrong with the answer; null = nothing. */
export function faultOf(one: HostileCase, answer: HostileAnswer): string | null {
  const { status, headers, body } = answer;
  if (answer.hung) return `no end of the answer within ${TIMEOUT_MS} ms`;
  if (one.cutAt !== null) return null;
  if (status === 0) return 'the connection was closed without an answer';
  // What is no HTTP at all is refused by the HTTP parser, before anything of ours.
  if (status === 400 && !headers.has('x-request-id')) return null;
  if (status === 431) return null;
  if (status === 100) return null;
  if (!headers.has('x-request-id')) return `${status} without x-request-id`;
  if (status >= 500) return serverFault(one, answer);
  if (status >= 400) return envelopeFault(one, status, body);
  const inside = one.webhookUrl === null ? null : specialAddress(one.webhookUrl);
  return inside !== null && status === 202 ? `a webhook may go to ${inside}` : null;
}

function serverFault({ method, target }: HostileCase, { status, headers, body }: HostileAnswer) {
  const code = /"code":"(\w+)"/.exec(body)?.[1];
  if (!NOT_NOW.has(status)) return `${status} ${code ?? body.slice(0, 200)}`;
  // A waited-for answer may be the provider's own, or say that the job failed: those name the job.
  if (headers.has('x-sluice-job-id')) return null;
  if (status === 503 && headers.has('retry-after')) return null;
  return `${status} ${code ?? body.slice(0, 100)} to ${method} ${target} without retry-after`;
}

function envelopeFault({ method }: HostileCase, status: number, body: string): string | null {
  if (method === 'HEAD') return null;
  try {
    const { error } = JSON.parse(dechunked(body)) as { error: { message: string; type: string } };
    return error.message.length > 0 && error.type.length > 0 ? null : 'an error without words';
  } catch {
    return `${status} without an error in OpenAI's envelope: ${body.slice(0, 200)}`;
  }
}

/** Of a chunked body the content. */
const dechunked = (body: string): string =>
  /^[0-9a-f]+\r\n/.test(body) ? body.replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '') : body;
