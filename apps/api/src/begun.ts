/**
 * Streams of bytes that have begun before they are answered with: a store that is away is then an error with words, where the head
 * of the answer would be out already.
 */
import { StoreAway } from '@sluice/files';
import type { ApiRequest } from './http/message.ts';

type Bytes = AsyncIterator<Buffer, unknown, unknown>;

/** Rejects as the first piece does. To be read or given back. A HEAD reads nothing. */
export async function begun(
  { method }: Pick<ApiRequest, 'method'>,
  source: AsyncIterable<Buffer>,
): Promise<AsyncIterable<Buffer>> {
  if (method === 'HEAD') return source;
  const pieces: Bytes = source[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<Buffer, unknown>> | null = pieces.next();
  await first;
  const rest: AsyncIterableIterator<Buffer> = {
    next() {
      const next = first ?? pieces.next();
      first = null;
      return next as Promise<IteratorResult<Buffer>>;
    },
    return: async () => {
      await pieces.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => rest,
  };
  return rest;
}

/** Throws where the source ends too early: who reads is never given a short file for a whole one. */
export async function* wholeOf(
  source: AsyncIterable<Buffer>,
  { name, bytes }: { name: string; bytes: number },
): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const piece of source) {
    at += piece.length;
    yield piece;
  }
  if (at < bytes) throw new StoreAway('read', `${name} ends at byte ${at} of ${bytes}`);
}
