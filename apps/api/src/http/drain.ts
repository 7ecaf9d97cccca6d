/**
 * Reads on what a refused client still sends, and throws it away: it looks for our answer only once it is done sending.
 * Nothing that happens to its streams meanwhile goes beyond its own connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long what a refused client still sends is read and thrown away: else it could not read our answer. */
export const DRAIN_MS = 5_000;

/**
 * For up to `ms`, then the connection is cut. To be called before the answer is written; resolves once no more comes:
 * an answer that ended a connection sooner would be lost with what the client is still sending.
 */
export function drain(
  request: IncomingMessage,
  response: ServerResponse,
  ms: number,
): Promise<void> {
  // Kept from here on: `request.socket` is gone once the request has been destroyed.
  const { socket } = response;
  request.resume();
  if (request.complete || socket === null) return Promise.resolve();
  if (request.destroyed) {
    // It can be read no more: what still comes would stand before the connection's next request.
    response.shouldKeepAlive = false;
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), ms).unref();
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.once('end', stop);
    request.once('close', stop);
  });
}
