/**
 * Results that a dispatcher cannot write to the file store: why, for whoever asks why batches stand still. Noted anew while it
 * lasts, and lapses where whoever noted it is no more.
 */
import type { Ledger } from './ledger.ts';

const SHOWN_MS = 20_000;

export async function noteWritingTrouble({ redis, keys }: Ledger, error: string): Promise<void> {
  await redis.set(keys.writingTrouble, error, 'PX', SHOWN_MS);
}

export async function forgetWritingTrouble({ redis, keys }: Ledger): Promise<void> {
  await redis.del(keys.writingTrouble);
}

/** null = none lately. */
export const readWritingTrouble = ({ redis, keys }: Ledger): Promise<string | null> =>
  redis.get(keys.writingTrouble);
