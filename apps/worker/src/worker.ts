/** Puts a worker process together: one pool per deployment, one writer of outcomes, one keeper of leases. */
import { randomUUID } from 'node:crypto';
import { Admission } from '@sluice/admission';
import { KNOWN_WINDOW } from '@sluice/budget';
import type { Installation } from '@sluice/config';
import { localStore } from '@sluice/files';
import type { Deployment, Fleet } from '@sluice/job';
import { connectRedis, openLedger } from '@sluice/ledger';
import { adapterFor, createCaller } from '@sluice/providers';
import type { Adapter } from '@sluice/providers';
import { CallAborts } from './call-aborts.ts';
import { DeploymentPool } from './deployment-pool.ts';
import type { WorkerEvents } from './events.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { CallLoader } from './load-calls.ts';
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
const UNLIMITED_CONCURRENCY = 16;
/** States in which a deployment makes calls. */
const CALLING = new Set(['active', 'half_open', 'draining']);

export async function startWorker(options: WorkerOptions): Promise<CallingWorker> {
  const { installation, redisUrl, filesFolder, events, now = Date.now } = options;
  const { fleet, config: settings, environment } = installation;
  const { prefix } = environment;
  const redis = connectRedis(redisUrl, 'background');
  const ledger = openLedger(redis, prefix);
  const store = localStore(filesFolder);
  const pacing = { ...KNOWN_WINDOW, share: settings.admission.utilisation };
  const admission = new Admission({ redis, prefix, fleet, pacing });
  const caller = createCaller();
  const holder = randomUUID();
  const leases = new LeaseKeeper({
    ledger,
    holder,
    leaseMs: LEASE_MS,
    now,
    onLost: (entries) => events.leaseLost({ entries }),
  });
  const aborts = new CallAborts(connectRedis(redisUrl, 'subscriber'), ledger.keys);
  const shared = {
    admission,
    outcomes: new OutcomeWriter(ledger, events),
    connection: redis,
    prefix,
    keep: KEEP,
    unlimitedConcurrency: UNLIMITED_CONCURRENCY,
    entry: {
      ledger,
      holder,
      leaseMs: LEASE_MS,
      loader: new CallLoader(ledger, store),
      leases,
      events,
      now,
      signalFor: (id: string) => aborts.signalFor(id),
    },
  };
  const loads = await admission.read();
  const pools = new Map(
    chosen(fleet, options.deployments).map((deployment) => {
      const adapter = adapterFor(deployment.provider.type) as Adapter;
      const pool = new DeploymentPool(
        {
          ...shared,
          deployment,
          outputCharge: fleet.budgets.get(deployment.id)?.outputCharge ?? adapter.outputCharge,
          call: { deployment, adapter, caller, now },
          limited: isLimited(fleet, deployment),
        },
        loads.get(deployment.id) ?? FIRST_GUESS,
      );
      return [deployment.id, pool] as const;
    }),
  );
  await aborts.start((deployment, state) => {
    pools.get(deployment)?.accept(CALLING.has(state));
    events.stateChanged({ deployment, state });
  });
  for (const pool of pools.values()) pool.start();
  const learning = setInterval(() => void learn(admission, pools), LEARN_EVERY_MS);
  events.started({ deployments: [...pools.keys()] });
  return {
    stop: async () => {
      events.stopping({
        calling: [...pools.values()].reduce((sum, pool) => sum + pool.calling, 0),
      });
      clearInterval(learning);
      await Promise.all([...pools.values()].map((pool) => pool.stop()));
      leases.close();
      aborts.close();
      await caller.close();
      admission.close();
      await store.close();
      redis.disconnect();
      events.stopped();
    },
  };
}

const FIRST_GUESS = { charsPerToken: 4, meanOutput: null };

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
