/** Streams a range of an object; goes on where it was when the connection breaks off, or falls silent, in the middle. */
import type { Readable } from 'node:stream';
import { type Bucket, statusOf } from './s3-client.ts';
import { FileMissing, type Range, StoreAway } from './store.ts';

/** Breaks in a row without a byte between them. */
const MOST_BREAKS = 3;

export async function* readStream(
  bucket: Bucket,
  name: string,
  { start = 0, end = Infinity }: Range,
): AsyncGenerator<Buffer> {
  if (end <= start) {
    if ((await bucket.size(name)) === null) throw new FileMissing(name);
    return;
  }
  let at = start;
  for (let breaks = 0; breaks < MOST_BREAKS; breaks += 1) {
    const body = await open(bucket, name, at, end);
    if (body === null) return;
    try {
      for await (const chunk of inTime(body, bucket.silenceMs)) {
        at += chunk.length;
        breaks = 0;
        yield chunk;
      }
      return;
    } catch (error) {
      if (!isBroken(error)) throw error;
    } finally {
      body.destroy();
    }
  }
  throw new StoreAway('read', `${name} breaks off at byte ${at}`);
}

/** Breaks off where nothing comes for so long while somebody waits for it; how slowly it is read does not matter. */
async function* inTime(body: Readable, silenceMs: number): AsyncGenerator<Buffer> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const silent = setTimeout(() => body.destroy(new Silence()), silenceMs);
    const next = await chunks.next().finally(() => clearTimeout(silent));
    if (next.done === true) return;
    yield next.value;
  }
}

class Silence extends Error {
  override readonly name = 'TimeoutError';
}

/** Null = the object ends before `start`. */
async function open(
  bucket: Bucket,
  name: string,
  start: number,
  end: number,
): Promise<Readable | null> {
  try {
    const found = await bucket.get(name, start, end);
    if (found === null) throw new FileMissing(name);
    return found.Body as Readable;
  } catch (error) {
    if (statusOf(error) === 416) return null;
    throw error;
  }
}

const isBroken = (error: unknown): boolean =>
  ['ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(
    (error as { code?: string }).code ?? '',
  ) || (error as Error).name === 'TimeoutError';
