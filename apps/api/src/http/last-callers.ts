/**
 * The last moments of a listening socket. Who has connected and was not taken yet is cut off with it, so it stays open, with 503 and
 * Retry-After for all who ask, until they have heard of that and go elsewhere.
 */
import type { Server } from 'node:net';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';

/** Nobody new for so long: those who knew of this process have been told, ms. */
const QUIET_MS = 100;
/** Clients that do not listen keep it open no longer, ms. */
const MOST_MS = 1_000;
/** At least one turn of the event loop, ms. */
const LOOK_MS = 10;

/** Resolves right after all who have connected were taken: the socket is to be closed at once then. */
export async function untilNobodyConnects(server: Pick<Server, 'on' | 'off'>): Promise<void> {
  const began = performance.now();
  let connectedAt = began;
  const note = (): void => void (connectedAt = performance.now());
  server.on('connection', note);
  let now = began;
  while (now - connectedAt < QUIET_MS && now - began < MOST_MS) {
    await delay(LOOK_MS);
    // On a busy machine timers come before sockets.
    await turn();
    now = performance.now();
  }
  server.off('connection', note);
}
