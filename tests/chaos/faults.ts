/**
 * The faults. Each does harm, waits as long as it lasts, ends the cause, and says whether it truly happened and whose calls
 * it may cost. What is to be chosen (which process, which point) comes from the run's seed.
 */
import type { RoleName } from '@sluice/testing';
import { isStopped, until } from '@sluice/testing';
import type { Arena } from './arena.ts';
import { ACCOUNTS } from './arena.ts';
import type { Touched } from './book.ts';

interface Harm {
  arena: Arena;
  random: () => number;
}

interface Harmed {
  /** Not a crash point that nobody reached, a provider's fault that met no call, a process that was gone already … */
  happened: boolean;
  /** Whose calls it may have cost their answers. */
  touched: Touched;
  /** When the harm was done and when its cause ended, where that is not when `run` began and ended; wall clock, ms. */
  from?: number;
  to?: number;
}

export interface Fault {
  name: string;
  run: (harm: Harm) => Promise<Harmed>;
}

const NOBODY: Touched = { callers: [], accounts: [] };
const EVERYBODY: Touched = { callers: 'all', accounts: 'all' };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const pick = <T>(from: readonly T[], random: () => number): T =>
  from[Math.floor(random() * from.length)] as T;

const holds = (what: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> =>
  until('it holds', what, { timeoutMs, everyMs: 20 }).then(
    () => true,
    () => false,
  );

/** Only workers call: what happens to other processes explains no call that is made again. */
const callsOf = (role: RoleName, pids: readonly number[]): Touched =>
  role === 'worker' ? { callers: pids, accounts: 'all' } : NOBODY;

async function kill(arena: Arena, role: RoleName, name: string): Promise<Harmed> {
  const touched = callsOf(role, [arena.system.pid(name)]);
  return { happened: await arena.kill(name), touched };
}

const killed = (role: RoleName): Fault => ({
  name: `kill-${role}`,
  run: ({ arena, random }) => kill(arena, role, pick(arena.names(role), random)),
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
const NEVER = 'never:reached';
/** A channel closes a little before the exit of its process is told. */
const EXIT_HEARD_MS = 100;

const crash = ([name, role, point]: (typeof POINTS)[number]): Fault => ({
  name: `crash-${name}`,
  run: async ({ arena, random }) => {
    // All of the role are armed, for nobody knows who passes there next; the first to die disarms the others.
    const names = arena.names(role);
    const pids = new Map(names.map((each) => [each, arena.system.pid(each)]));
    const count = 1 + Math.floor(random() * 3);
    for (const each of names) arena.tell(each, { crashAt: `${point}:${count}` });
    const died = (): string[] => names.filter((each) => !arena.isUp(each));
    const happened = await holds(() => died().length > 0, REACHED_WITHIN_MS);
    const from = Date.now() - 50;
    // The others may pass there before they hear of it: each has answered, or died, before it is said who died.
    await Promise.all(names.map((each) => arena.ask(each, { crashAt: NEVER }, `armed ${NEVER}`)));
    await pause(EXIT_HEARD_MS);
    const touched = callsOf(
      role,
      died().map((each) => pids.get(each) as number),
    );
    return { happened, touched, from };
  },
});

/** An outage that is shorter than a call's lease must cost no call: the workers keep their answers. */
const LEASE_SECONDS = 8;

const redisAway = (seconds: number): Fault => ({
  name: `redis-away-${seconds}s`,
  run: async ({ arena }) => {
    const { redis } = arena.system;
    const before = redis.pid;
    arena.killRedis();
    await pause(seconds * 1_000);
    await redis.restart();
    const touched = seconds < LEASE_SECONDS ? NOBODY : EVERYBODY;
    return { happened: redis.pid !== before, touched };
  },
});

const stopped = (role: RoleName, seconds: number): Fault => ({
  name: `stop-${role}-${seconds}s`,
  run: async ({ arena, random }) => {
    const name = role === 'dispatcher' ? arena.leader() : pick(arena.names(role), random);
    const pid = arena.system.pid(name);
    arena.signal(name, 'SIGSTOP');
    await pause(seconds * 1_000);
    // Another leads meanwhile, or the fault was none.
    const happened = isStopped(pid) && (role !== 'dispatcher' || arena.leader() !== name);
    arena.signal(name, 'SIGCONT');
    return { happened, touched: callsOf(role, [pid]) };
  },
});

const redisCut: Fault = {
  name: 'cut-redis',
  run: ({ arena }) => Promise.resolve({ happened: arena.redisProxy.cut() > 0, touched: NOBODY }),
};

/** Nobody is told that these connections are dead. */
const redisSilent: Fault = {
  name: 'silence-redis',
  run: ({ arena }) =>
    Promise.resolve({ happened: arena.redisProxy.silence() > 0, touched: NOBODY }),
};

/** Calls under way are cut off: the provider has made an answer that nobody gets. */
const providerCut: Fault = {
  name: 'cut-provider',
  run: ({ arena }) =>
    Promise.resolve({ happened: arena.providerProxy.cut() > 0, touched: EVERYBODY }),
};

const slow = (which: 'redisProxy' | 'providerProxy', name: string): Fault => ({
  name: `slow-${name}`,
  run: async ({ arena }) => {
    const proxy = arena[which];
    const before = proxy.delayed;
    proxy.latencyMs = 150;
    await pause(6_000);
    proxy.latencyMs = 0;
    return { happened: proxy.delayed > before, touched: NOBODY };
  },
});

const provider = (name: string, fault: object): Fault => ({
  name: `provider-${name}`,
  run: async ({ arena, random }) => {
    const account = pick(ACCOUNTS, random);
    const before = await arena.notAnswered(account);
    await arena.system.simulate(account, { faults: [{ for_ms: 5_000, ...fault }] });
    await pause(5_000);
    await arena.system.simulate(account, { faults: [] });
    const to = Date.now();
    // What hangs is given up by its timeout.
    const happened = await holds(async () => (await arena.notAnswered(account)) > before, 10_000);
    return { happened, touched: { callers: 'all', accounts: [account] }, to };
  },
});

const fullDisk: Fault = {
  name: 'disk-full',
  run: async ({ arena }) => {
    const names = (['api', 'dispatcher', 'worker'] as const).flatMap((role) => arena.names(role));
    for (const name of names) arena.tell(name, { diskFull: true });
    await pause(5_000);
    const refused = names.map((name) => arena.ask(name, { diskFull: false }, 'writesRefused'));
    const sum = (await Promise.all(refused)).reduce((all, one) => all + one, 0);
    return { happened: sum > 0, touched: NOBODY };
  },
};

const fullRedis: Fault = {
  name: 'redis-full',
  run: async ({ arena }) => {
    await arena.configureRedis('maxmemory-policy', 'noeviction');
    const before = await arena.refusedByRedis();
    await arena.configureRedis('maxmemory', '1mb');
    await pause(5_000);
    await arena.configureRedis('maxmemory', '0');
    return { happened: (await arena.refusedByRedis()) > before, touched: NOBODY };
  },
};

export const FAULTS: readonly Fault[] = [
  ...(['api', 'dispatcher', 'worker'] as const).map(killed),
  { name: 'kill-leader', run: ({ arena }) => kill(arena, 'dispatcher', arena.leader()) },
  ...POINTS.map(crash),
  ...[2, 8, 40, 90].map(redisAway),
  stopped('worker', 20),
  stopped('dispatcher', 8),
  redisCut,
  redisSilent,
  slow('redisProxy', 'redis'),
  providerCut,
  slow('providerProxy', 'provider'),
  provider('429-storm', { kind: 'error', status: 429 }),
  provider('hang', { kind: 'hang', rate: 0.5 }),
  provider('half-closed', { kind: 'cut', rate: 0.5 }),
  provider('errors', { kind: 'error', status: 503 }),
  fullDisk,
  fullRedis,
];
