/**
 * The connections of a server, so that it can stop without cutting anyone off: once told to, it closes each connection as
 * soon as nobody waits for an answer on it, also those on which nothing was ever asked.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * So long a connection that nothing is asked on stays open when the end has begun: a client that uses it meanwhile gets an
 * answer that says it is the last, instead of being cut off just as it asks. Only one that was idle so long may meet the end.
 * nginx has its `keepalive_min_timeout` for the same reason.
 */
const LINGER_MS = 1_000;

export class Connections {
  /** The answers being made on each. */
  readonly #open = new Map<Socket, Set<ServerResponse>>();
  #ending = false;

  /** To be made before the server listens. */
  constructor(server: Server) {
    // `close()` of node would cut off idle connections at once, and with them what is asked on them this moment.
    server.closeIdleConnections = () => undefined;
    server.on('connection', (socket) => {
      this.#open.set(socket, new Set());
      socket.once('close', () => this.#open.delete(socket));
    });
    server.prependListener('request', (request, response) => this.#take(request, response));
  }

  /** Idle ones close soon, the others each with the end of its answer. */
  end(): void {
    this.#ending = true;
    for (const answers of this.#open.values()) for (const answer of answers) sayLast(answer);
    for (const [socket, answers] of this.#open) if (answers.size === 0) this.#closeIdle(socket);
  }

  /** Where nobody was told that the connection ends. */
  #closeIdle(socket: Socket): void {
    const close = (): void => {
      if (this.#open.get(socket)?.size === 0) socket.destroySoon();
    };
    // What has arrived by then is read first: on a busy machine timers come before sockets.
    setTimeout(() => setImmediate(close), LINGER_MS);
  }

  #take({ socket }: IncomingMessage, response: ServerResponse): void {
    const answers = this.#open.get(socket);
    if (answers === undefined) return;
    answers.add(response);
    if (this.#ending) sayLast(response);
    response.once('close', () => {
      answers.delete(response);
      if (!this.#ending || answers.size > 0) return;
      // Begun before the end, it could not say so: its client may be asking again this moment.
      if (response.getHeader('connection') === 'close') socket.destroySoon();
      else this.#closeIdle(socket);
    });
  }
}

/** A client that is told does not send its next request into a closing connection. */
function sayLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}
