/** What a request's head must have before anything is routed by it (RFC 9112). What is wrong with it is answered in the envelope. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { ApiError, envelope } from '../errors.ts';
import { answerHeaders } from './answer-headers.ts';
import { outliveErrors } from './client-errors.ts';
import { DRAIN_MS, drain } from './drain.ts';
import { writeReply } from './write-reply.ts';

type Head = Pick<IncomingMessage, 'httpVersion' | 'url' | 'headers' | 'rawHeaders'>;

/** Null: it can be routed. */
function faultIn({ httpVersion, url = '', headers, rawHeaders }: Head): ApiError | null {
  const hosts = timesNamed(rawHeaders, 'host');
  // 3.2.
  if (hosts === 0 && httpVersion === '1.1') return malformed('it has no `host` header');
  if (hosts > 1) return malformed(`it has ${hosts} \`host\` headers`);
  // 3.2.2: an absolute target, as proxies are sent.
  if (!/^[/*]/.test(url) && !URL.canParse(url)) return malformed('its target is no URL');
  const coding = headers['transfer-encoding'];
  // 6.1: what was coded would be taken for what was meant.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    const values = { found: JSON.stringify(coding.slice(0, 80)) };
    return new ApiError('unsupported_transfer_coding', { values });
  }
  const keys = timesNamed(rawHeaders, 'idempotency-key');
  return keys > 1 ? severalKeys(keys) : null;
}

const malformed = (reason: string): ApiError =>
  new ApiError('malformed_request', { values: { reason } });

function severalKeys(found: number): ApiError {
  const field = 'Idempotency-Key';
  const values = { field, found: `${found} headers`, allowed: 'one' };
  return new ApiError('invalid_value', { param: field, values });
}

/** `rawHeaders`: names and values in turn. Node itself drops or joins what comes twice. */
function timesNamed(rawHeaders: readonly string[], name: string): number {
  let times = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === name) times++;
  return times;
}

export const withSoundHead =
  (answer: RequestListener): RequestListener =>
  (request, response) => {
    outliveErrors(request, response);
    const fault = faultIn(request);
    if (fault === null) answer(request, response);
    else refuseHead(request, response, fault);
  };

/** Where its body ends may be in doubt: no next request is read from the connection. */
function refuseHead(request: IncomingMessage, response: ServerResponse, fault: ApiError): void {
  const headers = { ...answerHeaders(), ...fault.headers, connection: 'close' };
  const reply = { status: fault.status, headers, body: envelope(fault) };
  const drained = drain(request, response, DRAIN_MS);
  void writeReply(response, reply, { head: request.method === 'HEAD', drained });
}
