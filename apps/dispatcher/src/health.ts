/**
 * Health of every deployment: breaker, block and the operator's wish, moved on by what the last look at Redis brought.
 * What follows is balancing's FleetHealth; here are only the differences between two looks, and who hears of a change.
 */
import {
  afterFact,
  BLOCKING,
  FleetHealth,
  isDue,
  newBreaker,
  shareOfRate,
  standing,
  usedUpUntil,
} from '@sluice/balancing';
import type {
  BlockReason,
  CandidateState,
  EndedCalls,
  Health,
  Surroundings,
} from '@sluice/balancing';
import type { DeploymentLoad } from '@sluice/admission';
import type { Fleet } from '@sluice/job';
import { CONSEQUENCES } from '@sluice/retry';
import { renewalMs } from '@sluice/budget';
import { fingerprintOf } from './fingerprint.ts';

type Classes = DeploymentLoad['byOutcome'];

export interface StateChange {
  deployment: string;
  from: CandidateState;
  to: CandidateState;
  reason: string | null;
  /** It is paused for its day or month is used up: what was booked of it goes on. */
  usedUp: boolean;
}

const HEALTH_FAILURES = Object.entries(CONSEQUENCES)
  .filter(([, consequence]) => consequence.health === 'failure')
  .map(([name]) => name as keyof Classes);

interface HealthPorts {
  /** Whether batch jobs go through some pool of the deployment. */
  batchTraffic: (deployment: string) => boolean;
  /** The deployments that each kind of jobs may use. */
  reaches: () => readonly (readonly string[])[];
  /** The operator's wish for a deployment. */
  wishOf: (deployment: string) => Health['wish'];
  now: () => number;
  random: () => number;
}

export class HealthBook {
  readonly #fleet: Fleet;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #batchTraffic: HealthPorts['batchTraffic'];
  readonly #reaches: HealthPorts['reaches'];
  readonly #health = new FleetHealth();
  readonly #seen = new Map<string, Seen>();
  readonly #unmarked = new Set<string>();

  readonly #wishOf: (deployment: string) => Health['wish'];

  constructor(fleet: Fleet, ports: HealthPorts) {
    this.#fleet = fleet;
    this.#now = ports.now;
    this.#random = ports.random;
    this.#wishOf = ports.wishOf;
    this.#batchTraffic = ports.batchTraffic;
    this.#reaches = ports.reaches;
    this.#followFleet();
  }

  get all(): ReadonlyMap<string, Health> {
    return this.#health.all;
  }

  /** The deployments of the fleet as it is now, each with the operator's wish. */
  #followFleet(): void {
    const { deployments } = this.#fleet;
    const maps = [this.#seen, this.#published, this.#usedUp, this.#calledBefore, this.#days];
    for (const id of this.all.keys())
      if (!deployments.has(id)) for (const map of [...maps, this.#unmarked]) map.delete(id);
    this.#health.follow(new Set(deployments.keys()), this.#now());
    for (const id of deployments.keys()) {
      this.#health.put(id, { wish: this.#wishOf(id) });
      if (!this.#calledBefore.has(id)) this.#calledBefore.set(id, this.#calledWith(id));
    }
  }

  /**
   * What is called with another key, address or model from now on starts anew. At the others what refused them may be mended
   * now: blocks are tried at once.
   */
  configChanged(): void {
    const now = this.#now();
    this.#health.configChanged(now);
    for (const id of this.all.keys()) {
      const called = this.#calledWith(id);
      if (called !== this.#calledBefore.get(id))
        this.#health.put(id, { block: null, breaker: newBreaker(now) });
      this.#calledBefore.set(id, called);
    }
  }

  /** By id, what each was called with when the config was last read. */
  readonly #calledBefore = new Map<string, string | null>();

  /**
   * Takes up the states that the leader before left, so that a change of leader forgives nobody. What is called with
   * another key or model than then starts anew; what is still blocked may be mended at the vendor: one job tries it at once.
   */
  restore(saved: Readonly<Record<string, string>>): void {
    for (const [id, text] of Object.entries(saved)) {
      const deployment = this.#fleet.deployments.get(id);
      const { breaker, block, called } = JSON.parse(text) as Partial<Health> & { called?: string };
      if (!deployment || !breaker || called !== fingerprintOf(deployment)) continue;
      const due = afterFact(block ?? null, { kind: 'config_changed' }, this.#now());
      this.#health.put(id, { breaker, block: due });
    }
  }

  stateOf(id: string): CandidateState {
    const health = this.all.get(id);
    return health ? standing(health, this.#now()).state : 'active';
  }

  /** Whether it is paused for its day or month is used up. */
  isUsedUp(id: string): boolean {
    return this.all.get(id)?.wish === 'active' && this.stateOf(id) === 'paused';
  }

  /**
   * What is new in the counters; the changes of state that follow from it, and from time alone. `fitting`: of deployments for
   * which something waits, whether any of it fits into what is left of their limits per day and month.
   */
  look(
    loads: ReadonlyMap<string, DeploymentLoad>,
    fitting: ReadonlyMap<string, boolean> = new Map(),
  ): StateChange[] {
    this.#followFleet();
    const before = new Map(
      [...this.all.keys()].map((id) => [id, this.#published.get(id) ?? 'active']),
    );
    const ended = new Map<string, EndedCalls>();
    for (const [id, load] of loads) {
      if (!this.all.has(id)) continue;
      this.#lookAtDays(id, load, fitting.get(id) ?? null);
      const calls = this.#endedOf(id, load);
      if (calls !== null) ended.set(id, calls);
    }
    this.#health.look(ended, this.#around(), { now: this.#now(), random: this.#random });
    const changes: StateChange[] = [];
    for (const [id, from] of before) {
      const to = this.stateOf(id);
      if (from === to) continue;
      this.#published.set(id, to);
      if (to === 'half_open') this.#unmarked.add(id);
      const usedUp = this.isUsedUp(id);
      changes.push({ deployment: id, from, to, reason: this.reasonOf(id), usedUp });
    }
    return changes;
  }

  #around(): Surroundings {
    return {
      groups: [...this.#fleet.pools.values()].flatMap((pool) => pool.tiers),
      reaches: this.#reaches(),
      weightOf: (id) => this.#fleet.deployments.get(id)?.weight ?? 0,
      batchTraffic: this.#batchTraffic,
    };
  }

  readonly #published = new Map<string, CandidateState>();

  /** Deployments whose calls are to be counted anew, for their trials begin: calls from before say nothing of how they do. */
  get unmarked(): string[] {
    return [...this.#unmarked];
  }

  marked(id: string): void {
    this.#unmarked.delete(id);
  }

  /** What ended since the last look; null = the counters say nothing of it. */
  #endedOf(id: string, load: DeploymentLoad): EndedCalls | null {
    const seen = this.#seen.get(id);
    if (seen?.load === load) return { ...NO_CALLS, latencyMs: load.meanLatencyMs };
    const counted = countedOf(load);
    this.#seen.set(id, counted);
    if (!seen) return null;
    const { ok, byOutcome } = seen.mark === counted.mark ? seen : NOTHING_SEEN;
    if (counted.ok < ok) return null;
    const grown = (name: keyof Classes): number =>
      (counted.byOutcome[name] ?? 0) - (byOutcome[name] ?? 0);
    const failures = HEALTH_FAILURES.reduce((sum, name) => sum + grown(name), 0);
    return {
      ok: counted.ok - ok,
      failures,
      failuresAtEnd: Math.min(failures, load.consecutiveFailures),
      refused: BLOCKING.find((reason) => grown(reason) > 0) ?? null,
      latencyMs: load.meanLatencyMs,
    };
  }

  /**
   * A deployment whose day or month has nothing left for any of what waits, or while nothing waits for a usual call, is paused
   * until something of it comes back.
   */
  #lookAtDays(id: string, load: DeploymentLoad, fits: boolean | null): void {
    // Of the same look it is the same moment.
    const last = this.#days.get(id);
    if (last?.load === load && last.fits === fits) return;
    this.#days.set(id, { load, fits });
    const forMs = fits === null ? pausedByDayMs(load) : fits ? 0 : renewalMs(load.windows);
    const until = usedUpUntil(forMs, this.#now());
    this.#health.put(id, { usedUpUntil: until });
    if (until > 0) this.#usedUp.set(id, usedUpWords(load, until));
  }

  readonly #usedUp = new Map<string, string>();
  /** What was last said of its day. */
  readonly #days = new Map<string, { load: DeploymentLoad; fits: boolean | null }>();

  #calledWith(id: string): string | null {
    const deployment = this.#fleet.deployments.get(id);
    return deployment ? fingerprintOf(deployment) : null;
  }

  /** Why a deployment is not active, in words. */
  reasonOf(id: string): string | null {
    const health = this.all.get(id);
    if (!health) return null;
    if (health.wish !== 'active') return `set to ${health.wish} by an operator`;
    if (health.block)
      return `${REASONS[health.block.reason]}; ${isDue(health.block, this.#now()) ? 'being tried again now' : 'tried again once a minute'}`;
    if ((health.usedUpUntil ?? 0) > this.#now()) return this.#usedUp.get(id) ?? null;
    if (health.breaker.kind === 'open') return 'too many of its last calls failed';
    if (health.breaker.kind === 'half_open') return 'being tried again after failures';
    const part = shareOfRate(health.breaker, this.#now());
    if (part < 1) return `recovered; starts slowly, now at ${Math.round(part * 100)} % of its rate`;
    return health.slow
      ? 'over three times slower than its peers; counts with half its weight'
      : null;
  }

  /** Deployments that start slowly, and the part of its rate that each may use now, below 1. */
  get sharesOfRate(): ReadonlyMap<string, number> {
    const now = this.#now();
    const eased = new Map<string, number>();
    for (const [id, { breaker }] of this.all) {
      const share = shareOfRate(breaker, now);
      if (share < 1) eased.set(id, share);
    }
    return eased;
  }

  /** For the health hash in Redis: what the admin pages show, with what else is said of each, and the next leader starts from. */
  published(figures: ReadonlyMap<string, object>): Record<string, string> {
    const rows: Record<string, string> = {};
    const eased = this.sharesOfRate;
    const around = this.#around();
    for (const [id, health] of this.all) {
      const row = {
        ...health,
        state: this.stateOf(id),
        used_up: this.isUsedUp(id),
        reason: this.reasonOf(id),
        blocked: health.block?.reason ?? null,
        since: health.block?.since ?? health.breaker.since,
        tried_from: this.#health.triedFrom(id, around, this.#now()),
        called: this.#calledBefore.get(id) ?? null,
        share_of_rate: eased.get(id) ?? 1,
        ...figures.get(id),
      };
      rows[id] = JSON.stringify(row);
    }
    return rows;
  }
}

/** 0 where a usual call still fits, or a provider's pause lasts longer. */
const pausedByDayMs = ({ pausedForMs, refusedForMs }: DeploymentLoad): number =>
  pausedForMs > refusedForMs ? pausedForMs : 0;

/** Of limits per day and month the one of which most is used; `until` Unix ms. */
function usedUpWords({ windows }: DeploymentLoad, until: number): string {
  const [most] = windows.toSorted((a, b) => b.usedFraction - a.usedFraction);
  if (most === undefined) return '';
  const name = `${most.dimension} of budget ${most.budget}`;
  if (most.used === 0)
    return `${name} is smaller than all that waits for it: each takes more than the whole limit of ${most.limit}, and never fits`;
  const [used, limit] = [most.used, most.limit].map((value) => Number(value.toPrecision(6)));
  const at = new Date(until).toISOString().slice(0, 19);
  const how = most.used < most.limit ? 'has too little left for what waits' : 'is used up';
  return `${name} ${how}: ${used} of ${limit}; something comes back at ${at}Z`;
}

interface Seen {
  /** What it was counted from: the same again says nothing new. */
  load: DeploymentLoad;
  /** ms; 0 = all calls are counted. */
  mark: number;
  ok: number;
  byOutcome: Classes;
}

const NOTHING_SEEN: Pick<Seen, 'ok' | 'byOutcome'> = { ok: 0, byOutcome: {} };

const NO_CALLS = { ok: 0, failures: 0, failuresAtEnd: 0, refused: null } as const;

/** Once a deployment was tried after failures, only calls from then on count. */
function countedOf(load: DeploymentLoad): Seen {
  const { ok, byOutcome, since } = load;
  return since === null
    ? { load, mark: 0, ok, byOutcome }
    : { load, mark: since.at, ok: since.ended.ok ?? 0, byOutcome: since.ended };
}

const REASONS: Record<BlockReason, string> = {
  credential: 'the provider refused its credential',
  quota_exhausted: 'its quota or credit is exhausted',
  model_gone: 'the provider does not know its model',
};
