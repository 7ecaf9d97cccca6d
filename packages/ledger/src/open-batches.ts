/** Batches that have not ended, as a leader finds them: they stand among all that is to be looked after. */
import { isChunkId, SLOT_NUMBERS } from './keys.ts';
import { readBatch } from './batches.ts';
import type { StoredBatch } from './batches.ts';
import type { Ledger } from './ledger.ts';

/** Entries that one look goes over, of a slot. */
const LOOKED_AT = 1_000;
const READ_TOGETHER = 64;

/** One slot's, a few at a time, so that however many are open few are in memory. One may come twice. */
async function* openBatches(ledger: Ledger, slot: number): AsyncGenerator<StoredBatch[]> {
  const key = ledger.keys.check(slot);
  let cursor = '0';
  do {
    const [next, pairs] = await ledger.redis.zscan(
      key,
      cursor,
      'MATCH',
      'batch_*',
      'COUNT',
      LOOKED_AT,
    );
    const ids = pairs.filter((id, i) => i % 2 === 0 && !isChunkId(id));
    for (let i = 0; i < ids.length; i += READ_TOGETHER) {
      const some = ids.slice(i, i + READ_TOGETHER);
      const read = await Promise.all(some.map((id) => readBatch(ledger, id)));
      yield read.filter((batch) => batch !== null);
    }
    cursor = next;
  } while (cursor !== '0');
}

/** Those of all slots, the slots side by side; `take` says whether to go on. */
export async function eachOpenBatch(
  ledger: Ledger,
  take: (batches: readonly StoredBatch[]) => boolean,
): Promise<void> {
  const ofSlot = async (slot: number): Promise<void> => {
    for await (const batches of openBatches(ledger, slot)) if (!take(batches)) return;
  };
  await Promise.all(SLOT_NUMBERS.map(ofSlot));
}
