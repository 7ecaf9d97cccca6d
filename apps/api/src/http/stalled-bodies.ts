/**
 * Ends requests whose client stops in the middle of the body: it would hold its connection, and what waits for the rest, for ever.
 * Only time in which we wait for the client counts: not while a slow file store holds the upload up, nor after the whole
 * body is here, however long its answer takes. So an upload may take hours as long as it goes on.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** Looked at so often within the limit: a stalled body ends between the limit and a quarter more. */
const LOOKS = 4;

interface Body {
  response: ServerResponse;
  /** Read on its connection when last looked at, and since when there was no more, ms. */
  bytes: number;
  since: number;
}

/** To be called before the server listens. `end` answers what has stalled, and closes its connection. */
export function endStalledBodies(
  server: Server,
  idleMs: number,
  end: (response: ServerResponse) => void,
): void {
  const bodies = new Map<IncomingMessage, Body>();
  server.prependListener('request', (request, response) => {
    if (!hasBody(request)) return;
    bodies.set(request, { response, bytes: -1, since: 0 });
    response.once('close', () => bodies.delete(request));
  });
  const look = (): void => {
    const now = performance.now();
    for (const [request, body] of bodies) {
      if (request.complete || request.destroyed) bodies.delete(request);
      else if (request.socket.bytesRead !== body.bytes || !isAwaited(request)) {
        body.bytes = request.socket.bytesRead;
        body.since = now;
      } else if (now - body.since >= idleMs) {
        bodies.delete(request);
        end(body.response);
      }
    }
  };
  const timer = setInterval(look, Math.ceil(idleMs / LOOKS)).unref();
  server.once('close', () => clearInterval(timer));
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Whether someone reads it and has taken all that came. */
const isAwaited = (request: IncomingMessage): boolean =>
  request.readableLength === 0 &&
  (request.readableFlowing === true || request.listenerCount('readable') > 0);
