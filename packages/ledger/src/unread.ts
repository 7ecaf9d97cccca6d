/**
 * Files of a batch that cannot be read just now, though the ledger knows them: since when, told from one process to the next, and
 * to whoever asks why the batch stands still. What nobody notes again lapses.
 *
 * A file that the store says is not there is no exception at first: a store may show what was written late, a replica may be wrong,
 * a folder may not be mounted for a while. It counts as gone once every look at it found it missing for MISSING_MS.
 */
import { againAfterMs } from './again-after.ts';
import type { Ledger } from './ledger.ts';

/** So long a file that is missing may come back, ms. */
export const MISSING_MS = 300_000;
/** The next look comes so much later than it was to, ms: a deployment's queue lies between. */
const LATE_MS = 60_000;
/** Whoever asks is told of it for so long after it was to be looked at again, ms. */
const SHOWN_MS = 10_000;

export interface Unread {
  /** Name in the file store. */
  file: string;
  /** ms */
  since: number;
  /** Since when the store says that there is no such file, ms; null = it could not say. */
  missingSince: number | null;
  /** When it is looked at again, ms. */
  againAt: number;
  error: string;
}

export interface UnreadLook {
  file: string;
  /** Whether the store says that there is no such file; else it says nothing. */
  missing: boolean;
  error: string;
  /** ms */
  now: number;
}

/** What is known after a look in vain. Pure. */
export function unreadAfter(
  before: Unread | null,
  { file, missing, error, now }: UnreadLook,
): Unread {
  const since = before?.since ?? now;
  const missingSince = missing ? (before?.missingSince ?? now) : null;
  return { file, since, missingSince, againAt: now + againAfterMs(now - since), error };
}

export const isGone = ({ missingSince }: Unread, now: number): boolean =>
  missingSince !== null && now - missingSince >= MISSING_MS;

/** Notes a look in vain; what is known by now. */
export async function noteUnread(
  { redis, keys }: Ledger,
  batch: string,
  look: UnreadLook,
): Promise<Unread> {
  const key = keys.unread(batch);
  const text = await redis.hget(key, look.file);
  const unread = unreadAfter(text === null ? null : (JSON.parse(text) as Unread), look);
  await redis
    .multi()
    .hset(key, look.file, JSON.stringify(unread))
    .pexpire(key, unread.againAt - look.now + LATE_MS)
    .exec();
  return unread;
}

/** It can be read again. */
export async function forgetUnread(
  { redis, keys }: Ledger,
  batch: string,
  file: string,
): Promise<void> {
  await redis.hdel(keys.unread(batch), file);
}

/** The file of the batch that was looked at in vain last; null = none lately. */
export async function readUnread(
  { redis, keys }: Ledger,
  batch: string,
  now: number,
): Promise<Unread | null> {
  const texts = Object.values(await redis.hgetall(keys.unread(batch)));
  const all = texts.map((text) => JSON.parse(text) as Unread);
  const lately = all.filter(({ againAt }) => now < againAt + SHOWN_MS);
  return lately.toSorted((a, b) => b.againAt - a.againAt)[0] ?? null;
}
