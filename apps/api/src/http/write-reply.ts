/** Writes a reply. Streams go out as fast as the client takes them, and stop being made when it leaves. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Reply } from './message.ts';

export const JSON_TYPE = 'application/json; charset=utf-8';

export interface Writing {
  /** Without the body. */
  head: boolean;
  /** The answer is written at once, but ends only then. */
  drained?: Promise<void>;
}

/**
 * Rejects with nothing sent yet when the reply cannot be put into words, else when the answer was cut off on our side;
 * a client that leaves is no error.
 */
export async function writeReply(
  response: ServerResponse,
  reply: Reply,
  { head, drained }: Writing,
): Promise<void> {
  const text = 'stream' in reply ? '' : 'text' in reply ? reply.text : JSON.stringify(reply.body);
  response.statusCode = reply.status;
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if ('stream' in reply) return writeStream(response, reply.stream, head);
  if (!response.hasHeader('content-type')) response.setHeader('content-type', JSON_TYPE);
  response.setHeader('content-length', Buffer.byteLength(text));
  if (drained !== undefined) {
    if (head) response.flushHeaders();
    else response.write(text);
    await drained;
    response.end();
  } else {
    response.end(head ? undefined : text);
  }
  return undefined;
}

async function writeStream(
  response: ServerResponse,
  stream: AsyncIterable<Buffer | string>,
  head: boolean,
): Promise<void> {
  if (head) {
    response.end();
    return;
  }
  response.flushHeaders();
  try {
    await pipeline(Readable.from(stream, { objectMode: false }), response);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}
