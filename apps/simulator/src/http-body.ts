/** Reads a request's body and writes a reply, with as little as node:http allows between. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RawHeaders } from './formats/wire-format.ts';

/** More than any vendor takes (Anthropic: 32 MB). */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface BodyEvents {
  whole: (text: string) => void;
  tooLarge: () => void;
  /** The client went away before the end. */
  broken: () => void;
}

/** Calls exactly one of the three, once. */
export function readBody(req: IncomingMessage, events: BodyEvents): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let done = false;
  const finish = (tell: () => void): void => {
    if (done) return;
    done = true;
    tell();
  };
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    else finish(events.tooLarge);
  });
  req.on('end', () => {
    finish(() => {
      const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      events.whole(whole.toString());
    });
  });
  req.on('error', () => finish(events.broken));
}

export function writeJson(
  res: ServerResponse,
  status: number,
  { body, headers = [] }: { body: string; headers?: RawHeaders },
): void {
  res.writeHead(status, jsonHeaders(body, headers));
  res.end(body);
}

/** Promises a whole body, sends half of it and closes the connection. */
export function writeHalf(
  res: ServerResponse,
  { body, headers }: { body: string; headers: RawHeaders },
): void {
  res.writeHead(200, jsonHeaders(body, headers));
  res.write(body.slice(0, body.length >> 1), () => res.socket?.destroy());
}

function jsonHeaders(body: string, headers: RawHeaders): RawHeaders {
  const length = String(Buffer.byteLength(body));
  return ['content-type', 'application/json', 'content-length', length, ...headers];
}
