/**
 * The deployments that this process works for, each with a pool of workers, as the fleet has them now: one that appears
 * is worked for, one that goes or is called otherwise from now on ends what is in flight, and nothing more.
 */
import type { Redis } from 'ioredis';
import type { Admission } from '@sluice/admission';
import type { Installation } from '@sluice/config';
import type { FleetChange, Wish } from '@sluice/control';
import type { FileStore } from '@sluice/files';
import type { Deployment, Fleet } from '@sluice/job';
import { USED_UP } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { adapterFor } from '@sluice/providers';
import type { Adapter, Caller } from '@sluice/providers';
import type { CallAborts } from './call-aborts.ts';
import { DeploymentPool } from './deployment-pool.ts';
import type { Learned } from './deployment-pool.ts';
import type { WorkerEvents } from './events.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { CallLoader } from './load-calls.ts';
import { OutcomeWriter } from './outcome-writer.ts';
import type { PermitKeeper } from './permit-keeper.ts';

export interface PoolSetPorts {
  installation: Installation;
  /** Only these deployments; null = all. */
  deployments: readonly string[] | null;
  ledger: Ledger;
  redis: Redis;
  store: FileStore;
  admission: Admission;
  caller: Caller;
  leases: LeaseKeeper;
  permits: PermitKeeper;
  aborts: CallAborts;
  events: WorkerEvents;
  leaseMs: number;
  keep: number;
  now: () => number;
}

/** Calls at once to a deployment without any limit, per process: enough to saturate a core, few enough to stay in memory. */
const UNLIMITED_CONCURRENCY = 256;
/** States in which a deployment makes calls. Bookings themselves hand back what a used-up day has no room for. */
const CALLING: ReadonlySet<string> = new Set(['active', 'half_open', 'draining', USED_UP]);
const FIRST_GUESS: Learned = { charsPerToken: 4, cachedShare: 0, meanOutput: null, dims: [] };

export class PoolSet {
  readonly #ports: PoolSetPorts;
  readonly #outcomes: OutcomeWriter;
  readonly #loader: CallLoader;
  readonly #pools = new Map<string, { pool: DeploymentPool; limited: boolean }>();
  /** Pools whose last calls are under way. */
  readonly #ending = new Map<DeploymentPool, Promise<void>>();
  readonly #states = new Map<string, string>();
  #learned: ReadonlyMap<string, Learned> = new Map();
  #wishOf: (deployment: string) => Wish = () => 'active';
  #started = false;

  constructor(ports: PoolSetPorts) {
    this.#ports = ports;
    this.#outcomes = new OutcomeWriter(ports.ledger, ports.events);
    this.#loader = new CallLoader(ports.ledger, ports.store, ports.now);
  }

  get ids(): string[] {
    return [...this.#pools.keys()];
  }

  get calling(): number {
    const all = [...[...this.#pools.values()].map(({ pool }) => pool), ...this.#ending.keys()];
    return all.reduce((sum, pool) => sum + pool.calling, 0);
  }

  /** Works for the fleet as it is now. With a change it does so only once it has been called without one: the start. */
  follow(wishOf: (deployment: string) => Wish, change?: FleetChange): void {
    this.#wishOf = wishOf;
    this.#started ||= change === undefined;
    if (!this.#started) return;
    const { fleet } = this.#ports.installation;
    const called = new Set(change?.deployments.changed);
    const wanted = new Map(this.#chosen(fleet).map((one) => [one.id, one]));
    for (const [id, { limited }] of this.#pools) {
      const deployment = wanted.get(id);
      const same = deployment && !called.has(id) && limited === isLimited(fleet, deployment);
      if (!same) this.#end(id);
    }
    for (const deployment of wanted.values())
      if (!this.#pools.has(deployment.id)) this.#begin(fleet, deployment);
    for (const id of this.#pools.keys()) this.#accept(id);
  }

  /** The leader's word on a deployment. */
  told(deployment: string, state: string): void {
    this.#states.set(deployment, state);
    this.#accept(deployment);
  }

  /** A pause is obeyed before the leader has said so. */
  #accept(id: string): void {
    const pool = this.#pools.get(id)?.pool;
    if (!pool) return;
    const state = this.#wishOf(id) === 'paused' ? 'paused' : (this.#states.get(id) ?? 'active');
    if (!pool.accept(CALLING.has(state))) return;
    this.#ports.events.stateChanged({ deployment: id, state });
  }

  /** What answers have taught about tokens, shared by all processes. */
  async learn(): Promise<void> {
    const loads = await this.#ports.admission.read().catch(() => null);
    if (!loads) return;
    this.#learned = loads;
    for (const [id, load] of loads) this.#pools.get(id)?.pool.learn(load);
  }

  #begin(fleet: Fleet, deployment: Deployment): void {
    const { admission, permits, redis, keep, installation, caller, now } = this.#ports;
    const { ledger, leaseMs, leases, events, aborts } = this.#ports;
    const adapter = adapterFor(deployment.provider.type) as Adapter;
    const limited = isLimited(fleet, deployment);
    const entry = { ledger, leaseMs, loader: this.#loader, leases, events, now };
    const ports = {
      admission,
      permits,
      outcomes: this.#outcomes,
      connection: redis,
      prefix: installation.environment.prefix,
      keep,
      unlimitedConcurrency: UNLIMITED_CONCURRENCY,
      entry: { ...entry, signalFor: (id: string) => aborts.signalFor(id) },
      deployment,
      call: { deployment, adapter, caller, now },
      limited,
    };
    const pool = new DeploymentPool(ports, this.#learned.get(deployment.id) ?? FIRST_GUESS);
    this.#pools.set(deployment.id, { pool, limited });
    pool.start();
  }

  #end(id: string): void {
    const pool = this.#pools.get(id)?.pool;
    this.#pools.delete(id);
    if (!pool) return;
    this.#ending.set(
      pool,
      pool.stop().finally(() => this.#ending.delete(pool)),
    );
  }

  #chosen(fleet: Fleet): Deployment[] {
    const ids = this.#ports.deployments;
    const all = [...fleet.deployments.values()];
    return ids === null
      ? all
      : all.filter(({ id, name }) => ids.includes(id) || ids.includes(name));
  }

  /** Fetches no more, hands back what has not started, waits for the calls in flight. */
  async stop(): Promise<void> {
    for (const id of this.ids) this.#end(id);
    await Promise.all(this.#ending.values());
  }
}

/** Whether anything bounds its calls; without, the worker does. */
const isLimited = (fleet: Fleet, deployment: Deployment): boolean =>
  deployment.budgets.some((id) => Object.keys(fleet.budgets.get(id)?.limits ?? {}).length > 0);
