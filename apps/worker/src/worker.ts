/** Puts a worker process together: one pool per deployment, one writer of outcomes, one keeper of leases. */
import { randomUUID } from 'node:crypto';
import { Admission } from '@sluice/admission';
import { KNOWN_WINDOW } from '@sluice/budget';
import type { Installation } from '@sluice/config';
import { localStore } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import type { Deployment, Fleet } from '@sluice/job';
import type { Redis } from 'ioredis';
import { connectRedis, openLedger } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { adapterFor, createCaller } from '@sluice/providers';
import type { Adapter, Caller } from '@sluice/providers';
import { CallAborts } from './call-aborts.ts';
import { DeploymentPool } from './deployment-pool.ts';
import type { WorkerEvents } from './events.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { CallLoader } from './load-calls.ts';
import { PermitKeeper } from './permit-keeper.ts';
import { OutcomeWriter } from './outcome-writer.ts';

export interface WorkerOptions {
  installation: Installation;
  redisUrl: string;
  filesFolder: string;
  /** Only these deployments; null = all. */
  deployments: readonly string[] | null;
  events: WorkerEvents;
  now?: () => number;
}

export interface CallingWorker {
  stop: () => Promise<void>;
}

const KEEP = 1_000;
const LEASE_MS = 15_000;
const LEARN_EVERY_MS = 2_000;
/** Calls at once to a deployment without any limit, per process: enough to saturate a core, few enough to stay in memory. */
const UNLIMITED_CONCURRENCY = 256;
/** States in which a deployment makes calls. */
const CALLING = new Set(['active', 'half_open', 'draining']);

interface Parts {
  ledger: Ledger;
  redis: Redis;
  store: FileStore;
  admission: Admission;
  caller: Caller;
  leases: LeaseKeeper;
  permits: PermitKeeper;
  aborts: CallAborts;
  now: () => number;
}

export async function startWorker(options: WorkerOptions): Promise<CallingWorker> {
  const { events } = options;
  const holder = randomUUID();
  const parts = makeParts(options, holder);
  const { aborts, admission, ledger } = parts;
  const pools = makePools(options, parts, { holder, loads: await admission.read() });
  const apply = (deployment: string, state: string): void => {
    if (pools.get(deployment)?.accept(CALLING.has(state)))
      events.stateChanged({ deployment, state });
  };
  await aborts.start(apply);
  await readStates(ledger, apply);
  for (const pool of pools.values()) pool.start();
  const learning = setInterval(() => {
    void learn(admission, pools);
    void readStates(ledger, apply);
  }, LEARN_EVERY_MS);
  events.started({ deployments: [...pools.keys()] });
  return {
    stop: async () => {
      events.stopping({
        calling: [...pools.values()].reduce((sum, pool) => sum + pool.calling, 0),
      });
      clearInterval(learning);
      await Promise.all([...pools.values()].map((pool) => pool.stop()));
      await closeParts(parts);
      events.stopped();
    },
  };
}

function makeParts(options: WorkerOptions, holder: string): Parts {
  const { installation, redisUrl, filesFolder, events, now = Date.now } = options;
  const { fleet, config, environment } = installation;
  const { prefix } = environment;
  const redis = connectRedis(redisUrl, 'background');
  const ledger = openLedger(redis, prefix);
  const pacing = { ...KNOWN_WINDOW, share: config.admission.utilisation };
  const onLost = (entries: string[]): void => events.leaseLost({ entries });
  const admission = new Admission({ redis, prefix, fleet, pacing });
  return {
    ledger,
    redis,
    store: localStore(filesFolder),
    admission,
    permits: new PermitKeeper(admission),
    caller: createCaller(),
    leases: new LeaseKeeper({ ledger, holder, leaseMs: LEASE_MS, now, onLost }),
    aborts: new CallAborts(connectRedis(redisUrl, 'subscriber'), ledger.keys),
    now,
  };
}

type Loads = Awaited<ReturnType<Admission['read']>>;

/** A pool of workers per deployment; what is the same for all of them is made once. */
function makePools(
  options: WorkerOptions,
  parts: Parts,
  { holder, loads }: { holder: string; loads: Loads },
): Map<string, DeploymentPool> {
  const { installation, events } = options;
  const { fleet, environment } = installation;
  const { admission, aborts, caller, ledger, leases, now, permits, redis, store } = parts;
  const loader = new CallLoader(ledger, store);
  const signalFor = (id: string) => aborts.signalFor(id);
  const shared = {
    admission,
    permits,
    outcomes: new OutcomeWriter(ledger, events),
    connection: redis,
    prefix: environment.prefix,
    keep: KEEP,
    unlimitedConcurrency: UNLIMITED_CONCURRENCY,
    entry: { ledger, holder, leaseMs: LEASE_MS, loader, leases, events, now, signalFor },
  };
  const pools = chosen(fleet, options.deployments).map((deployment) => {
    const adapter = adapterFor(deployment.provider.type) as Adapter;
    const own = {
      deployment,
      outputCharge: fleet.budgets.get(deployment.id)?.outputCharge ?? adapter.outputCharge,
      call: { deployment, adapter, caller, now },
      limited: isLimited(fleet, deployment),
    };
    const learned = loads.get(deployment.id) ?? FIRST_GUESS;
    return [deployment.id, new DeploymentPool({ ...shared, ...own }, learned)] as const;
  });
  return new Map(pools);
}

async function closeParts(parts: Parts): Promise<void> {
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
  { redis, keys }: Ledger,
  apply: (deployment: string, state: string) => void,
): Promise<void> {
  const rows = await redis.hgetall(keys.health).catch(() => ({}));
  for (const [deployment, text] of Object.entries(rows)) {
    apply(deployment, (JSON.parse(text) as { state: string }).state);
  }
}

const FIRST_GUESS = { charsPerToken: 4, meanOutput: null, dims: [] };

/** Whether anything bounds its calls; without, the worker does. */
const isLimited = (fleet: Fleet, deployment: Deployment): boolean =>
  deployment.budgets.some((id) => Object.keys(fleet.budgets.get(id)?.limits ?? {}).length > 0);

function chosen(fleet: Fleet, ids: readonly string[] | null): Deployment[] {
  const all = [...fleet.deployments.values()];
  return ids === null ? all : all.filter(({ id, name }) => ids.includes(id) || ids.includes(name));
}

/** What answers have taught about tokens, shared by all processes. */
async function learn(
  admission: Admission,
  pools: ReadonlyMap<string, DeploymentPool>,
): Promise<void> {
  const loads = await admission.read().catch(() => null);
  if (!loads) return;
  for (const [id, load] of loads) pools.get(id)?.learn(load);
}
