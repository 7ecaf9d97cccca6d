/** Puts a worker process together: one pool per deployment, one writer of outcomes, one keeper of leases. */
import { randomUUID } from 'node:crypto';
import { Admission } from '@sluice/admission';
import { KNOWN_WINDOW } from '@sluice/budget';
import type { Installation } from '@sluice/config';
import { LiveControl } from '@sluice/control';
import type { ReadConfig } from '@sluice/control';
import { openStore } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import type { Redis } from 'ioredis';
import { connectRedis, openLedger, RedisClock, USED_UP } from '@sluice/ledger';
import type { Fleet } from '@sluice/job';
import type { Ledger } from '@sluice/ledger';
import { createCaller } from '@sluice/providers';
import type { Caller } from '@sluice/providers';
import { CallAborts } from './call-aborts.ts';
import type { WorkerEvents } from './events.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { PermitKeeper } from './permit-keeper.ts';
import { PoolSet } from './pool-set.ts';

export interface WorkerOptions {
  installation: Installation;
  redisUrl: string;
  filesFolder: string;
  /** Only these deployments; null = all. */
  deployments: readonly string[] | null;
  events: WorkerEvents;
  /** For a reload; absent: there is nothing to read anew. */
  readConfig?: ReadConfig<Installation>;
  now?: () => number;
}

export interface CallingWorker {
  /** Reads the config anew, here and in all other processes. */
  reload: () => Promise<void>;
  stop: () => Promise<void>;
  stopWithinMs: () => number;
}

const KEEP = 1_000;
/** Outlasts an outage of some seconds; calls of a worker that died are made again after it. */
const LEASE_MS = 12_000;
/** After its last call ended a worker that stops may try for so long to store its answer. */
const STORE_WITHIN_MS = 60_000;
const LEARN_EVERY_MS = 2_000;

interface Parts {
  ledger: Ledger;
  redis: Redis;
  store: FileStore;
  admission: Admission;
  caller: Caller;
  leases: LeaseKeeper;
  permits: PermitKeeper;
  aborts: CallAborts;
  clock: RedisClock;
  now: () => number;
}

export async function startWorker(options: WorkerOptions): Promise<CallingWorker> {
  const { events } = options;
  const store = await openStore(options.installation.config.files, {
    folder: options.filesFolder,
    patience: 'background',
  });
  const parts = makeParts(options, store);
  const { aborts } = parts;
  await parts.clock.start();
  const pools = new PoolSet({ ...parts, ...options, keep: KEEP, leaseMs: LEASE_MS });
  const control = controlOf(options, parts, pools);
  await control.start();
  await pools.learn();
  const apply = (deployment: string, state: string): void => pools.told(deployment, state);
  await aborts.start(apply);
  await readStates(parts, apply);
  pools.follow((id) => control.wishOf(id));
  const learning = setInterval(() => {
    void pools.learn();
    void readStates(parts, apply);
  }, LEARN_EVERY_MS);
  events.started({ deployments: pools.ids });
  return {
    reload: async () => {
      const result = await control.reload();
      if (result.kind === 'invalid') events.configInvalid(result);
    },
    // The calls it has begun may take as long as they are given, and their answers must be stored.
    stopWithinMs: () => STORE_WITHIN_MS + longestCallMs(options.installation.fleet),
    stop: async () => {
      events.stopping({ calling: pools.calling });
      control.close();
      clearInterval(learning);
      await pools.stop();
      await closeParts(parts);
      events.stopped();
    },
  };
}

const longestCallMs = ({ deployments }: Fleet): number =>
  Math.max(0, ...[...deployments.values()].map(({ timeoutMs }) => timeoutMs));

function controlOf(
  options: WorkerOptions,
  { admission, redis }: Parts,
  pools: PoolSet,
): LiveControl<Installation> {
  const { installation, redisUrl, events } = options;
  const control: LiveControl<Installation> = new LiveControl({
    redis,
    subscriber: connectRedis(redisUrl, 'subscriber'),
    prefix: installation.environment.prefix,
    fleet: installation.fleet,
    readConfig: options.readConfig ?? (() => ({ kind: 'ok', ...installation })),
    onApplied: ({ change, config }) => {
      admission.useFleet(installation.fleet);
      if (config) events.configTaken(change.deployments);
      pools.follow((id) => control.wishOf(id), change);
    },
    onInvalid: (report) => events.configInvalid({ report }),
  });
  return control;
}

function makeParts(options: WorkerOptions, store: FileStore): Parts {
  const { installation, redisUrl, events } = options;
  const { fleet, config, environment } = installation;
  const { prefix } = environment;
  const redis = connectRedis(redisUrl, 'background');
  const clock = new RedisClock({ redis, events });
  const { now = clock.latest } = options;
  const ledger = openLedger(redis, prefix);
  const pacing = { ...KNOWN_WINDOW, share: config.admission.utilisation };
  const aborts = new CallAborts(connectRedis(redisUrl, 'subscriber'), ledger.keys);
  const onLost = (entries: string[]): void => events.leaseLost({ entries });
  const admission = new Admission({ redis, prefix, fleet, pacing });
  return {
    ledger,
    redis,
    store,
    admission,
    permits: new PermitKeeper(admission),
    caller: createCaller(),
    leases: new LeaseKeeper({
      ledger,
      holder: randomUUID(),
      leaseMs: LEASE_MS,
      now,
      onLost,
      // The word of it may have come while the connection was down.
      onEnded: (ids) => ids.forEach((id) => aborts.abort(id)),
    }),
    aborts,
    clock,
    now,
  };
}

async function closeParts(parts: Parts): Promise<void> {
  parts.clock.stop();
  parts.leases.close();
  parts.permits.close();
  parts.aborts.close();
  await parts.caller.close();
  parts.admission.close();
  await parts.store.close();
  parts.redis.disconnect();
}

/** States as the leader last published them: news may be missed while a connection is down. */
async function readStates(
  { ledger: { redis, keys }, admission }: Parts,
  apply: (deployment: string, state: string) => void,
): Promise<void> {
  const rows = await redis.hgetall(keys.health).catch(() => ({}));
  const shares = new Map<string, number>();
  for (const [deployment, text] of Object.entries(rows)) {
    const told = JSON.parse(text) as { state: string; used_up?: boolean; share_of_rate?: number };
    apply(deployment, told.used_up ? USED_UP : told.state);
    shares.set(deployment, told.share_of_rate ?? 1);
  }
  admission.ease(shares);
}
