/**
 * Requests that a client sends one behind the other on a connection without waiting for their answers are begun one by one. HTTP
 * has their answers in that order anyway; begun together, a connection that asks and reads nothing costs memory for as many answers
 * as its requests fit into what is read at once.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** With so many behind the one that is answered nothing more is read of the connection. */
const MOST_WAITING = 16;

interface Line {
  /** One of them is being answered. */
  busy: boolean;
  waiting: [IncomingMessage, ServerResponse][];
}

export function inTurn(answer: RequestListener): RequestListener {
  const lines = new WeakMap<Socket, Line>();
  const next = (socket: Socket, line: Line): void => {
    // Nobody is there any more to be answered.
    if (socket.destroyed) line.waiting = [];
    const [first] = line.waiting.splice(0, 1);
    line.busy = first !== undefined;
    if (!isFull(line) && socket.isPaused()) socket.resume();
    if (first === undefined) return;
    first[1].once('close', () => next(socket, line));
    answer(...first);
  };
  return (request, response) => {
    const { socket } = request;
    const line = lines.get(socket) ?? lineOf(socket);
    lines.set(socket, line);
    line.waiting.push([request, response]);
    if (!line.busy) next(socket, line);
    // Node reads on when it has all of a request: what it does with this one comes first.
    else if (isFull(line)) process.nextTick(hold, socket, line);
  };
}

/** Node reads on of its own accord, also when an answer has ended: that is taken back while the line is full. */
function lineOf(socket: Socket): Line {
  const line: Line = { busy: false, waiting: [] };
  socket.on('resume', () => hold(socket, line));
  return line;
}

function hold(socket: Socket, line: Line): void {
  if (isFull(line) && !socket.destroyed) socket.pause();
}

const isFull = ({ waiting }: Line): boolean => waiting.length >= MOST_WAITING;
