/**
 * How long the calls of deployments took lately, as counts that settle.lua adds to: a hash for each ten minutes, which
 * lapses by itself. Nobody reads them for a decision, so they stand beside the load, not in it.
 */
import { addDurations, durationsOf } from '@sluice/prediction';
import type { Durations } from '@sluice/prediction';
import type { Redis } from 'ioredis';
import { durationsKey } from './keys.ts';

/** ms of one hash. */
const WINDOW_MS = 600_000;
/** The one that is being filled and the one before it are read: ten to twenty minutes. */
const WINDOWS_READ = 2;

/** What settle.lua adds for these calls, answered ones: where, for how long it stays, and `[bucket, calls, …]`. */
export const countedDurations = (where: RootAt, took: readonly number[]) => ({
  key: durationsKey(where.prefix, where.root, ''),
  windowMs: WINDOW_MS,
  keepMs: WINDOW_MS * (WINDOWS_READ + 1),
  counts: [...durationsOf(took)].flat(),
});

interface RootAt {
  prefix: string;
  root: string;
}

/** Of all deployments of these roots, those without an answered call left out. `nowMs` by Redis's clock. */
export async function readDurations(
  redis: Redis,
  { prefix, roots, nowMs }: { prefix: string; roots: readonly string[]; nowMs: number },
): Promise<Map<string, Durations>> {
  const last = Math.floor(nowMs / WINDOW_MS);
  const windows = Array.from({ length: WINDOWS_READ }, (_, i) => last - i);
  const hashes = await Promise.all(
    roots.flatMap((root) =>
      windows.map((window) => redis.hgetall(durationsKey(prefix, root, window))),
    ),
  );
  const found = new Map<string, Map<number, number>>();
  for (const [field, calls] of hashes.flatMap((hash) => Object.entries(hash))) {
    const cut = field.lastIndexOf('|');
    const id = field.slice(0, cut);
    const sum = found.get(id) ?? new Map<number, number>();
    found.set(id, sum);
    addDurations(sum, new Map([[Number(field.slice(cut + 1)), Number(calls)]]));
  }
  return found;
}
