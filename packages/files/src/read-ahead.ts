/**
 * Reads extents one after another while the next small ones are already on their way: a store across a network answers
 * many small questions at once as fast as one. At most 2 MB are held for that.
 */
import type { Extent, FileStore } from './store.ts';

/** Beyond this an extent is streamed when its turn comes. */
const SMALL_BYTES = 128 * 1024;
const MOST_AHEAD = 16;

/** Each extent with its bytes, in order; a source throws when the store does not hold what its extent promises. */
export async function* readAhead(
  store: FileStore,
  extents: readonly Extent[],
): AsyncGenerator<[Extent, AsyncIterable<Buffer>]> {
  const ahead: Promise<Buffer>[] = [];
  let asked = 0;
  for (const [n, extent] of extents.entries()) {
    while (asked < extents.length && asked < n + MOST_AHEAD) {
      ahead.push(startRead(store, extents[asked] as Extent));
      asked += 1;
    }
    const read = ahead.shift() as Promise<Buffer>;
    yield [extent, isSmall(extent) ? readWhole(read, extent) : streamWhole(store, extent)];
  }
}

const isSmall = ({ start, end }: Extent): boolean => end - start <= SMALL_BYTES;

const NOTHING = Promise.resolve(Buffer.alloc(0));

function startRead(store: FileStore, extent: Extent): Promise<Buffer> {
  if (!isSmall(extent)) return NOTHING;
  const read = store.readAt(extent.segment, extent.start, extent.end - extent.start);
  // Whoever reads meets the failure at this extent's turn; it may have left before.
  read.catch(() => undefined);
  return read;
}

async function* readWhole(read: Promise<Buffer>, extent: Extent): AsyncGenerator<Buffer> {
  const bytes = await read;
  checkEnd(extent, extent.start + bytes.length);
  yield bytes;
}

async function* streamWhole(store: FileStore, extent: Extent): AsyncGenerator<Buffer> {
  const { segment, start, end } = extent;
  let at = start;
  for await (const chunk of store.read(segment, { start, end })) {
    at += chunk.length;
    yield chunk;
  }
  checkEnd(extent, at);
}

function checkEnd({ segment, end }: Extent, at: number): void {
  if (at !== end) throw new Error(`segment ${segment} ends at ${at}, an extent reaches to ${end}`);
}
