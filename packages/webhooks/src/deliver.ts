/**
 * One attempt to deliver an event over HTTP. Whatever happens is a returned value. Only a 2xx is a delivery; redirects
 * are not followed (they would lead around the address check); what the receiver answers is read only to be dropped.
 */
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { checkUrl } from './address.ts';
import type { Cidr } from './address.ts';
import { ForbiddenAddressError, guardedConnector, resolveBySystem } from './connector.ts';
import type { Resolve } from './connector.ts';
import { parseRetryAfter } from './retry-after.ts';

/** Read of an answer at most, so that its connection can serve again; a longer one costs the connection. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Statuses by which a receiver, or what stands before it, says "too much" (Standard Webhooks). */
const THROTTLING = new Set([429, 502, 504]);

export interface DelivererOptions {
  /** Special ranges that may be reached; none by default. */
  allow?: readonly Cidr[];
  /** Plain http to the ranges of `allow`. Default: no. */
  allowHttp?: boolean;
  /** For the whole attempt, name resolution included. Default 15,000. */
  timeoutMs?: number;
  userAgent?: string;
  resolve?: Resolve;
}

export interface DeliveryRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

export type Delivery =
  /** `tookMs`: until the status arrived. */
  | { kind: 'delivered'; status: number; tookMs: number }
  /** 410: the receiver wants no more of it. */
  | { kind: 'gone' }
  | { kind: 'throttled'; status: number; retryAfterMs: number | null }
  | { kind: 'failed'; reason: string; status?: number }
  /** The address is one that nothing may be sent to; trying again changes nothing. */
  | { kind: 'refused'; reason: string };

export interface Deliverer {
  /** POSTs `body` as JSON. Reasons name codes and addresses, never the URL, the body or the answer. */
  deliver: (delivery: DeliveryRequest) => Promise<Delivery>;
  /** Cuts all connections; deliveries still in flight fail. */
  close: () => Promise<void>;
}

/** A deliverer keeps connections alive between deliveries to the same origin. Throws on a bad range in `allow`. */
export function createDeliverer(options: DelivererOptions = {}): Deliverer {
  const { allow = [], allowHttp = false, timeoutMs = 15_000, userAgent = 'sluice' } = options;
  checkUrl('https://[::1]/', { allow, allowHttp });
  const connect = guardedConnector({
    allow,
    timeoutMs,
    resolve: options.resolve ?? resolveBySystem,
  });
  const agent = new Agent({ connect });
  const deliver = async ({ url, headers, body }: DeliveryRequest): Promise<Delivery> => {
    const verdict = checkUrl(url, { allow, allowHttp });
    if (!verdict.ok) return { kind: 'refused', reason: verdict.reason };
    const sent = { 'content-type': 'application/json', 'user-agent': userAgent, ...headers };
    return post(verdict.url, { dispatcher: agent, headers: sent, body, timeoutMs });
  };
  return { deliver, close: () => agent.destroy() };
}

interface Post {
  dispatcher: Dispatcher;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
}

async function post(url: URL, { timeoutMs, ...options }: Post): Promise<Delivery> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const start = performance.now();
  try {
    const { signal } = limit;
    // undici hears an abort only once it is connected.
    const sent = request(url, { method: 'POST', signal, ...options });
    const answer = await Promise.race([sent, rejectOnAbort(signal)]);
    const tookMs = Math.round(performance.now() - start);
    await drop(answer, signal);
    return classify(answer, tookMs);
  } catch (error) {
    return explain(error, limit.signal.aborted ? timeoutMs : null);
  } finally {
    clearTimeout(timer);
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** The status has decided; what becomes of the rest of the answer no longer matters. */
async function drop({ body }: Dispatcher.ResponseData, signal: AbortSignal): Promise<void> {
  await body.dump({ limit: MAX_ANSWER_BYTES, signal }).catch(() => undefined);
}

function classify({ statusCode, headers }: Dispatcher.ResponseData, tookMs: number): Delivery {
  if (statusCode >= 200 && statusCode < 300) {
    return { kind: 'delivered', status: statusCode, tookMs };
  }
  if (statusCode === 410) return { kind: 'gone' };
  const redirect = statusCode >= 300 && statusCode < 400;
  const header = [headers['retry-after']].flat()[0];
  const retryAfterMs = parseRetryAfter(header, Date.now());
  if (THROTTLING.has(statusCode) || (retryAfterMs !== null && !redirect)) {
    return { kind: 'throttled', status: statusCode, retryAfterMs };
  }
  const reason = redirect ? 'answered with a redirect' : 'answered with an error';
  return { kind: 'failed', reason: `${reason}: ${statusCode}`, status: statusCode };
}

function explain(error: unknown, timedOutMs: number | null): Delivery {
  if (error instanceof ForbiddenAddressError) return { kind: 'refused', reason: error.message };
  if (timedOutMs !== null) return { kind: 'failed', reason: `no answer within ${timedOutMs} ms` };
  const { code, name } = error as NodeJS.ErrnoException;
  return { kind: 'failed', reason: `not connected, or cut off: ${code ?? name}` };
}
