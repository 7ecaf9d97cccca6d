/**
 * What node's parser cannot read as a request, or waited for too long, is answered like any other error: in the envelope, with an
 * id. Requests that came whole before it on the connection get their answers first; then it closes, for where a next request would
 * begin is not known. A CONNECT, which node gives no response to write to, likewise.
 */
import { STATUS_CODES, maxHeaderSize } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError, envelope } from '../errors.ts';
import { answerHeaders } from './answer-headers.ts';
import { outliveErrors } from './client-errors.ts';
import { DRAIN_MS } from './drain.ts';
import { JSON_TYPE } from './write-reply.ts';

/** What node says of it. */
interface Broken extends Error {
  code?: string;
  /** The parser's words; nothing of what was sent stands in them. */
  reason?: string;
}

/** To be called before the server listens. */
export function answerBrokenRequests(server: Server): void {
  const answers = new WeakMap<Socket, ServerResponse[]>();
  const openOn = (socket: Socket) => (answers.get(socket) ?? []).filter((one) => !one.closed);
  const told = new WeakSet<Socket>();
  server.prependListener('request', ({ socket }, response) => {
    answers.set(socket, [...openOn(socket), response]);
  });
  server.on('clientError', (broken: Broken, stream) => {
    const socket = stream as Socket;
    // Once it is broken, whatever else comes on it is.
    if (told.has(socket) && socket.writable) return;
    told.add(socket);
    const error = errorOf(broken, server.headersTimeout);
    if (error === null || !socket.writable) socket.destroy();
    else void refuseLast(socket, openOn(socket), error);
  });
  server.on('connect', ({ url = '' }: IncomingMessage, stream) => {
    const socket = stream as Socket;
    // From here on node leaves the connection to us: nobody else reads it, or cuts it when the server closes.
    outliveErrors(socket);
    socket.resume();
    cutLater(socket);
    void refuseLast(socket, openOn(socket), noProxy(url));
  });
}

/** Methods that some path has. */
const METHODS = 'GET, HEAD, POST, PATCH, DELETE, OPTIONS';

const noProxy = (path: string): ApiError =>
  new ApiError('method_not_allowed', {
    values: { method: 'CONNECT', path, allowed: METHODS },
    headers: { allow: METHODS },
  });

/** Null: the connection is gone, and nobody is there to be told. */
function errorOf({ code = '', reason = '' }: Broken, headersMs: number): ApiError | null {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new ApiError('request_timeout', { values: { allowed: headersMs } });
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ApiError('headers_too_large', { values: { allowed: maxHeaderSize } });
  return code.startsWith('HPE_') ? new ApiError('malformed_request', { values: { reason } }) : null;
}

async function refuseLast(
  socket: Socket,
  answers: readonly ServerResponse[],
  error: ApiError,
): Promise<void> {
  const whole = answers.filter(({ req }) => req.complete);
  await Promise.all(whole.map((one) => new Promise((resolve) => one.once('close', resolve))));
  // One whose body broke off may have been answered while it came: it has had its answer.
  const begun = answers.some((one) => !one.closed && one.headersSent);
  if (!socket.writable || begun) {
    socket.destroySoon();
    return;
  }
  socket.end(inFull(error));
  cutLater(socket);
}

/** However long the client goes on sending, or reads nothing. */
function cutLater(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), DRAIN_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** As it goes over the wire: there is no response to write it to. */
function inFull(error: ApiError): string {
  const body = JSON.stringify(envelope(error));
  const headers = {
    ...answerHeaders(),
    ...error.headers,
    date: new Date().toUTCString(),
    connection: 'close',
    'content-type': JSON_TYPE,
    'content-length': Buffer.byteLength(body),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${lines.join('')}\r\n${body}`;
}
