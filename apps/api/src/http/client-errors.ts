/** Whoever reads or writes a stream hears of its errors there; with nobody listening, a client that leaves would end the process. */
import type { EventEmitter } from 'node:events';

/** Of a request, its response, or a connection that is none of node's any more. */
export function outliveErrors(...streams: readonly EventEmitter[]): void {
  for (const stream of streams) stream.on('error', nothing);
}

const nothing = (): void => {};
