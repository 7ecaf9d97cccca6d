/** Node's HTTP server with our limits of time, before anything is routed. */
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { answerBrokenRequests } from './broken-requests.ts';
import { inTurn } from './in-turn.ts';
import { withSoundHead } from './request-head.ts';

/** From the connection, or the first byte of a request, to the end of its headers. */
const HEADERS_MS = 30_000;
/** Node looks only so often for who is over that, by itself each 30 s. */
const LOOK_EVERY_MS = 1_000;
/** Longer than what proxies keep an idle connection. */
const KEEP_ALIVE_MS = 65_000;

export function makeHttpServer(answer: RequestListener, headersMs = HEADERS_MS): Server {
  const limits = {
    headersTimeout: headersMs,
    connectionsCheckingInterval: LOOK_EVERY_MS,
    // A large upload may take as long as it goes on: only pauses are limited, those in its body by `endStalledBodies`.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // We refuse it ourselves, in the envelope.
    requireHostHeader: false,
  };
  const server = createServer(limits, inTurn(withSoundHead(answer)));
  answerBrokenRequests(server);
  return server;
}
