/**
 * Single jobs that were never placed, per band, tenant and pool, the earliest deadline first: where a job waits that finds the
 * window of its pool's queue full. One sorted set per slot, all scores 0, ordered by its members:
 *
 *   <band> NUL <tenant> NUL <pool> NUL <deadline, ms> NUL <id>
 *
 * A job is put in by the script that accepts it and taken out by the one that places or ends it, so the set is as true as the
 * record. The same scripts count what is in it by pool, so that nobody has to look through it for that. (Deadlines have 13 digits until the year 2286.)
 */
import type { Priority } from '@sluice/job';
import { BAND, slotOf } from '@sluice/job';
import { SLOT_NUMBERS } from './keys.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';

/** What waits together. */
export interface Share {
  priority: Priority;
  tenant: string;
  pool: string;
}

/** How many of a share are put on their pool's queue at once, per slot: 64 in all, about two seconds of a usual pool. */
export const WINDOW_PER_SLOT = 4;

const NUL = '\0';
/** Behind every member that begins alike. */
const END = '\u{10ffff}';

/** Names the share; its members begin with it. */
export const shareKey = ({ priority, tenant, pool }: Share): string =>
  [BAND[priority], tenant, pool, ''].join(NUL);

export const backlogMember = (job: Share & { id: string; deadlineAt: number }): string =>
  `${shareKey(job)}${job.deadlineAt}${NUL}${job.id}`;

/** Shares with waiting jobs, in no order: at most `most` per slot, after those of `after` (one key per slot; '' = from the beginning). */
export async function readShares(
  ledger: Ledger,
  after: readonly string[],
  most: number,
): Promise<{ keys: Set<string>; after: string[] }> {
  const keys = new Set<string>();
  const ends = await Promise.all(
    SLOT_NUMBERS.map(async (slot) => {
      let last = after[slot] ?? '';
      for (let found = 0; found < most; found++) {
        const from = last === '' ? '-' : `(${last}${END}`;
        const key = ledger.keys.backlog(slot);
        const [member] = await ledger.redis.zrangebylex(key, from, '+', 'LIMIT', 0, 1);
        if (member === undefined) return '';
        last = `${member.split(NUL).slice(0, 3).join(NUL)}${NUL}`;
        keys.add(last);
      }
      return last;
    }),
  );
  return { keys, after: ends };
}

/** What waits of a share: id by member, the earliest deadlines of each slot first: at most so many per slot. */
export async function readBacklog(
  ledger: Ledger,
  share: string,
  perSlot: number,
): Promise<Map<string, string>> {
  const rows = await Promise.all(
    SLOT_NUMBERS.map((slot) =>
      ledger.redis.zrangebylex(
        ledger.keys.backlog(slot),
        `[${share}`,
        `[${share}${END}`,
        'LIMIT',
        0,
        perSlot,
      ),
    ),
  );
  const members = rows.flat().toSorted();
  return new Map(members.map((member) => [member, member.slice(member.lastIndexOf(NUL) + 1)]));
}

/** Whose share it is. */
export const tenantOf = (share: string): string => share.split(NUL)[1] ?? '';

/** Jobs of a share that were never placed, on a queue or not. */
export async function countShare(ledger: Ledger, share: string): Promise<number> {
  const counts = await Promise.all(
    SLOT_NUMBERS.map((slot) =>
      ledger.redis.zlexcount(ledger.keys.backlog(slot), `[${share}`, `[${share}${END}`),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Jobs that were never placed, on a queue or not. */
export async function countBacklog(ledger: Ledger): Promise<number> {
  const counts = await Promise.all(
    SLOT_NUMBERS.map((slot) => ledger.redis.zcard(ledger.keys.backlog(slot))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The same by pool; pools of which none waits are absent. An empty backlog has nothing of any, whatever its counts say. */
export async function countBacklogByPool({ redis, keys }: Ledger): Promise<Map<string, number>> {
  const slots = await Promise.all(
    SLOT_NUMBERS.map((slot) =>
      Promise.all([redis.exists(keys.backlog(slot)), redis.hgetall(keys.backlogPools(slot))]),
    ),
  );
  const sums = new Map<string, number>();
  for (const [waits, counts] of slots)
    for (const [pool, count] of Object.entries(waits ? counts : {}))
      sums.set(pool, (sums.get(pool) ?? 0) + Number(count));
  return sums;
}

/** Takes out what has no place to wait for any more, whatever the reason. */
export async function removeBacklog(ledger: Ledger, member: string, id: string): Promise<void> {
  const slot = slotOf(id);
  await run(
    ledger,
    'leave-backlog',
    [ledger.keys.backlog(slot), ledger.keys.backlogPools(slot)],
    [member],
  );
}
