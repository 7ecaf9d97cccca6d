/**
 * The connections of a server, so that it can stop without cutting anyone off: once told to, it closes each connection as
 * soon as nobody waits for an answer on it, also those on which nothing was ever asked.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * For so long nothing must be asked on any connection before the idle ones close. Who asks may take any of the connections
 * kept to us for its next request, and each answer says that it was the last there: a busy client is led off, not cut off just
 * as it asks. nginx has its `keepalive_min_timeout` for the same reason.
 */
const LINGER_MS = 1_000;
/** A client that never stops asking gets no longer than this. */
const MOST_LINGER_MS = 5_000;
const LOOK_EVERY_MS = 50;

/** What time it is, and being told from time to time; both ms. */
export interface Clock {
  now: () => number;
  every: (ms: number, look: () => void) => void;
}

const CLOCK: Clock = {
  now: () => performance.now(),
  every: (ms, look) => void setInterval(look, ms).unref(),
};

export class Connections {
  readonly #clock: Clock;
  /** The answers being made on each. */
  readonly #open = new Map<Socket, Set<ServerResponse>>();
  #ending = false;
  /** When something was asked or answered last, by the clock. */
  #busyAt = 0;

  /** To be made before the server listens. */
  constructor(server: Server, clock = CLOCK) {
    this.#clock = clock;
    // `close()` of node would cut off idle connections at once, and with them what is asked on them this moment.
    server.closeIdleConnections = () => undefined;
    server.on('connection', (socket) => {
      this.#open.set(socket, new Set());
      socket.once('close', () => this.#open.delete(socket));
    });
    server.prependListener('request', (request, response) => this.#take(request, response));
  }

  /** Each closes with the end of its answer; idle ones once the clients are quiet. */
  end(): void {
    this.#ending = true;
    for (const answers of this.#open.values()) for (const answer of answers) sayLast(answer);
    this.#busyAt = this.#clock.now();
    const latest = this.#busyAt + MOST_LINGER_MS;
    const look = (): void => {
      if (this.#clock.now() >= Math.min(this.#busyAt + LINGER_MS, latest)) this.#closeIdle();
    };
    // What has arrived by then is read first: on a busy machine timers come before sockets.
    this.#clock.every(LOOK_EVERY_MS, () => setImmediate(look));
  }

  /** Also after streams that began before the end and could not say that they were the last answer there. */
  #closeIdle(): void {
    for (const [socket, answers] of this.#open) if (answers.size === 0) socket.destroySoon();
  }

  #take({ socket }: IncomingMessage, response: ServerResponse): void {
    const answers = this.#open.get(socket);
    if (answers === undefined) return;
    answers.add(response);
    this.#busyAt = this.#clock.now();
    if (this.#ending) sayLast(response);
    response.once('close', () => {
      answers.delete(response);
      this.#busyAt = this.#clock.now();
      const wasLast = this.#ending && response.getHeader('connection') === 'close';
      if (wasLast && answers.size === 0) socket.destroySoon();
    });
  }
}

/** A client that is told does not send its next request into a closing connection. */
function sayLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}
