/**
 * Whether a process has the files of its Redis. Processes of one Redis with different folders would lose each other's lines: one
 * takes a batch's file in, the other finds no such file. So the store carries a mark, Redis carries the same, and who finds another
 * one does not work. Redis is told the store's mark when it has none (a new Redis, or one that was emptied); the first process of
 * all makes one, alone.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { makeKeys } from './keys.ts';
import { openForOneTry } from './one-try.ts';

/** The mark in the file store; `@sluice/files` has it. */
export interface MarkInStore {
  /** For people: the folder or bucket. */
  where: string;
  read: () => Promise<string | null>;
  write: (mark: string) => Promise<void>;
}

export interface Sameness {
  redisUrl: string;
  prefix: string;
  store: MarkInStore;
}

/** `unknown`: Redis or the store did not answer. */
export type FilesAre = { kind: 'same' | 'unknown' } | { kind: 'other'; reason: string };

export type MarkStep = 'same' | 'other' | 'tell_redis' | 'make_one';

/** What follows from the marks that were found; Redis is asked first, for the store's is written first. */
export function markStep(inRedis: string | null, inStore: string | null): MarkStep {
  if (inRedis === null) return inStore === null ? 'make_one' : 'tell_redis';
  return inRedis === inStore ? 'same' : 'other';
}

const ANSWER_MS = 5_000;
/** One who makes a mark and dies lets the next one try after this. */
const MAKING_MS = 10_000;
const AGAIN_MS = 200;
/** Shared folders show a new file late: another mark is believed when it stays. */
const BELIEVED_AFTER_MS = 2_000;
/** Longer than somebody may hold up the making. */
const WITHIN_MS = MAKING_MS + 5_000;

/** Sees to it that Redis and the store carry one mark. Never rejects, never says the password in the URL. */
export const agreeOnFiles = async (of: Sameness): Promise<FilesAre> => {
  const looking = lookAtFiles(of);
  try {
    return await looking.agree();
  } finally {
    looking.close();
  }
};

/**
 * The same for who looks again and again: over one connection, for as long as that answers. One look at a time. Who has agreed once
 * knows the mark: a store that has none later is away (not mounted, say), and no other is made in its place.
 */
export function lookAtFiles({ redisUrl, prefix, store }: Sameness): {
  agree: () => Promise<FilesAre>;
  close: () => void;
} {
  let redis: Redis | null = null;
  let known: string | null = null;
  const close = (): void => {
    redis?.disconnect();
    redis = null;
  };
  return {
    close,
    async agree() {
      // One that broke is not mended: it tries once.
      if (redis?.status !== 'ready') close();
      try {
        redis ??= await connectOnce(redisUrl);
        const { mark, ...found } = await agree(redis, prefix, { store, known });
        known = mark ?? known;
        return found;
      } catch {
        close();
        return { kind: 'unknown' };
      }
    },
  };
}

/** The same for who only looks: changes nothing, so nothing is known of a Redis or a store without a mark. */
export const compareFiles = ({ redisUrl, prefix, store }: Sameness): Promise<FilesAre> =>
  askAt(redisUrl, async (redis) => {
    const { storeMark } = makeKeys(prefix);
    const inStore = await store.read();
    const step = markStep(await redis.get(storeMark), inStore);
    if (step === 'other')
      return { kind: 'other', reason: otherFiles(store.where, inStore !== null, storeMark) };
    return { kind: step === 'same' ? 'same' : 'unknown' };
  });

async function askAt(url: string, ask: (redis: Redis) => Promise<FilesAre>): Promise<FilesAre> {
  let redis: Redis | null = null;
  try {
    redis = await connectOnce(url);
    return await ask(redis);
  } catch {
    return { kind: 'unknown' };
  } finally {
    redis?.disconnect();
  }
}

async function connectOnce(url: string): Promise<Redis> {
  const redis = openForOneTry(url, { commandTimeout: ANSWER_MS });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return redis;
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

/** `mark`: the one that was agreed on. */
async function agree(
  redis: Redis,
  prefix: string,
  { store, known }: { store: MarkInStore; known: string | null },
): Promise<FilesAre & { mark?: string | null }> {
  const keys = makeKeys(prefix);
  const began = performance.now();
  let other = false;
  for (;;) {
    const inRedis = await redis.get(keys.storeMark);
    const inStore = await store.read();
    if (known !== null && inStore === null) return { kind: 'unknown' };
    const step = known === null || known === inStore ? markStep(inRedis, inStore) : 'other';
    const waited = performance.now() - began;
    if (step === 'same') return { kind: 'same', mark: inStore };
    if (step === 'other' && other && waited > BELIEVED_AFTER_MS)
      return { kind: 'other', reason: otherFiles(store.where, inStore !== null, keys.storeMark) };
    other = step === 'other';
    if (waited > WITHIN_MS) return { kind: 'unknown' };
    if (step === 'tell_redis') await redis.set(keys.storeMark, String(inStore), 'NX');
    else if (step === 'other' || !(await makeMark(redis, prefix, store))) await delay(AGAIN_MS);
  }
}

/** Whether it was this one that made the mark. Both are looked at again: another may have been faster. */
async function makeMark(redis: Redis, prefix: string, store: MarkInStore): Promise<boolean> {
  const keys = makeKeys(prefix);
  const mark = randomUUID();
  const mine = await redis.set(keys.storeMarkMaking, mark, 'PX', MAKING_MS, 'NX');
  if (mine !== 'OK') return false;
  if (markStep(await redis.get(keys.storeMark), await store.read()) !== 'make_one') return false;
  await store.write(mark);
  await redis.set(keys.storeMark, mark, 'NX');
  await redis.del(keys.storeMarkMaking);
  return true;
}

const otherFiles = (where: string, hasOne: boolean, key: string): string =>
  `The files of this Redis do not lie in ${where}: ${hasOne ? 'its files are those of another Redis or prefix' : 'it is new, and Redis knows files elsewhere'}. ` +
  'All processes of one Redis share one folder (SLUICE_DATA_DIR) or bucket (`files`): name the one that the others use. ' +
  `Where those files are lost for good, \`redis-cli DEL '${key}'\` lets this one take their place; batches that need them will fail.`;
