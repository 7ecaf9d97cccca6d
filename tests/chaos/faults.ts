/**
 * The faults. Each does harm, waits as long as it lasts, ends the cause, and says when that began and ended. What is to be
 * chosen (which process, which point) comes from the run's seed.
 */
import type { RoleName } from '@sluice/testing';
import { until } from '@sluice/testing';
import type { Arena } from './arena.ts';
import { ACCOUNTS } from './arena.ts';

interface Harm {
  arena: Arena;
  random: () => number;
}

export interface Fault {
  name: string;
  /** Long ones are left out of short runs, ms. */
  lastsMs: number;
  run: (harm: Harm) => Promise<void>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const pick = <T>(from: readonly T[], random: () => number): T =>
  from[Math.floor(random() * from.length)] as T;

const killed = (role: RoleName): Fault => ({
  name: `kill-${role}`,
  lastsMs: 0,
  run: ({ arena, random }) => arena.kill(pick(arena.names(role), random)),
});

/** Between which two steps a process dies: in front of a ledger script or behind it (crash-points.mjs). */
const POINTS: readonly [name: string, role: RoleName, point: string][] = [
  ['answered-not-stored', 'worker', 'before:store-outcomes'],
  ['stored-not-finished', 'worker', 'after:store-outcomes'],
  ['claimed-not-called', 'worker', 'after:claim-entry'],
  ['accepting', 'api', 'before:accept-record'],
  ['accepted-not-queued', 'api', 'after:accept-record'],
  ['placed-not-queued', 'dispatcher', 'after:place-entry'],
  ['fed-not-queued', 'dispatcher', 'after:feed-chunks'],
  ['segment-not-counted', 'dispatcher', 'before:record-lines'],
  ['counted-not-told', 'dispatcher', 'after:record-lines'],
  ['finalising', 'dispatcher', 'before:finish-batch'],
  ['finalised', 'dispatcher', 'after:finish-batch'],
];

/** A point that is not reached in this time is disarmed: the load does not always pass there. */
const REACHED_WITHIN_MS = 20_000;

const crash = ([name, role, point]: (typeof POINTS)[number]): Fault => ({
  name: `crash-${name}`,
  lastsMs: 0,
  run: async ({ arena, random }) => {
    // All of the role are armed, for nobody knows who passes there next; the first to die disarms the others.
    const names = arena.names(role);
    const count = 1 + Math.floor(random() * 3);
    for (const each of names) arena.tell(each, { crashAt: `${point}:${count}` });
    await until('one died', () => names.some((each) => !arena.isUp(each)), {
      timeoutMs: REACHED_WITHIN_MS,
    }).catch(() => undefined);
    for (const each of names) arena.tell(each, { crashAt: 'never:reached' });
  },
});

const redisAway = (seconds: number): Fault => ({
  name: `redis-away-${seconds}s`,
  lastsMs: seconds * 1_000,
  run: async ({ arena }) => {
    arena.killRedis();
    await pause(seconds * 1_000);
    await arena.system.redis.restart();
  },
});

const stopped = (role: RoleName, seconds: number): Fault => ({
  name: `stop-${role}-${seconds}s`,
  lastsMs: seconds * 1_000,
  run: async ({ arena, random }) => {
    const name = role === 'dispatcher' ? arena.leader() : pick(arena.names(role), random);
    arena.signal(name, 'SIGSTOP');
    await pause(seconds * 1_000);
    arena.signal(name, 'SIGCONT');
  },
});

const connections = (which: 'redisProxy' | 'providerProxy', name: string): Fault[] => [
  { name: `cut-${name}`, lastsMs: 0, run: async ({ arena }) => arena[which].cut() },
  {
    name: `slow-${name}`,
    lastsMs: 6_000,
    run: async ({ arena }) => {
      arena[which].latencyMs = 150;
      await pause(6_000);
      arena[which].latencyMs = 0;
    },
  },
];

const provider = (name: string, fault: object): Fault => ({
  name: `provider-${name}`,
  lastsMs: 5_000,
  run: async ({ arena, random }) => {
    const account = pick(ACCOUNTS, random);
    await arena.system.simulate(account, { faults: [{ for_ms: 5_000, ...fault }] });
    await pause(5_000);
    await arena.system.simulate(account, { faults: [] });
  },
});

const fullDisk: Fault = {
  name: 'disk-full',
  lastsMs: 5_000,
  run: async ({ arena }) => {
    const tell = (diskFull: boolean): void => {
      for (const role of ['api', 'dispatcher', 'worker'] as const)
        for (const name of arena.names(role)) arena.tell(name, { diskFull });
    };
    tell(true);
    await pause(5_000);
    tell(false);
  },
};

const fullRedis: Fault = {
  name: 'redis-full',
  lastsMs: 5_000,
  run: async ({ arena }) => {
    const set = (bytes: string): Promise<void> => arena.configureRedis('maxmemory', bytes);
    await arena.configureRedis('maxmemory-policy', 'noeviction');
    await set('1mb');
    await pause(5_000);
    await set('0');
  },
};

export const FAULTS: readonly Fault[] = [
  ...(['api', 'dispatcher', 'worker'] as const).map(killed),
  { name: 'kill-leader', lastsMs: 0, run: ({ arena }) => arena.kill(arena.leader()) },
  ...POINTS.map(crash),
  ...[2, 8, 40, 90].map(redisAway),
  stopped('worker', 20),
  stopped('dispatcher', 8),
  ...connections('redisProxy', 'redis'),
  ...connections('providerProxy', 'provider'),
  provider('429-storm', { kind: 'error', status: 429 }),
  provider('hang', { kind: 'hang', rate: 0.5 }),
  provider('half-closed', { kind: 'cut', rate: 0.5 }),
  provider('errors', { kind: 'error', status: 503 }),
  fullDisk,
  fullRedis,
];
