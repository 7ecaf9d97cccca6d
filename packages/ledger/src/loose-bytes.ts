/**
 * Bytes in the file store that may belong to nothing: noted before they are written without a record, and before a record goes
 * that they belonged to. Whoever does it may end between the two; later it is looked at what came of it.
 */
import { slotOf } from '@sluice/job';
import type { Ledger } from './ledger.ts';

/** By then it has a record, or gets none any more. */
const LOOSE_MS = 24 * 3_600_000;

/** `id`: of a file or an upload. `now`: ms. */
export async function noteBytes(ledger: Ledger, id: string, now: number): Promise<void> {
  await ledger.redis.zadd(ledger.keys.looseBytes(slotOf(id)), now + LOOSE_MS, id);
}

/** Ids that are to be looked at by `now`, ms, oldest first. */
export const listLoose = (
  { redis, keys }: Ledger,
  slot: number,
  { now, limit }: { now: number; limit: number },
): Promise<string[]> => redis.zrangebyscore(keys.looseBytes(slot), '-inf', now, 'LIMIT', 0, limit);

export async function forgetLoose({ redis, keys }: Ledger, id: string): Promise<void> {
  await redis.zrem(keys.looseBytes(slotOf(id)), id);
}
