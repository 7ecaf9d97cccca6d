/** Asks placement (balancing) about work of some shape: with the fleet as the picture has it, each pool's strategy and its memory. */
import type { Asked, Candidate, Choice, Depth, Drawn, Memory, Strategy } from '@sluice/balancing';
import {
  AskedLately,
  choose,
  contendedBy,
  depthNow,
  NO_CONTENTION,
  NO_MEMORY,
  reachesOf,
  strategyFor,
  strategyNamed,
  tiersFor,
  withinDay,
  withoutUsedUp,
} from '@sluice/balancing';
import { WINDOWED_DIMENSIONS } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import { tiersOf } from '@sluice/job';
import type { Deployment, Fleet, Pool, Priority, Shape } from '@sluice/job';
import { AS_WANTED } from '@sluice/ledger';
import { isPlanned } from '@sluice/planning';
import { formatBit } from '@sluice/providers';
import type { Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';

export interface ChooserPorts {
  fleet: Fleet;
  picture: Picture;
  depth: Depth;
  now: () => number;
  random: () => number;
}

/** What is to be placed, as the caller knows it; what it costs where is looked up here. */
export type Wanted = Omit<Asked, 'cost' | 'costs' | 'costsAt'> & {
  shape: Shape;
  likely: Likely;
  /** A deployment that has just had too little left of its day for it; absent or null = none. */
  shunned?: string | null;
};

const NO_COST: Cost = { requests: 1, input: 0, output: 0, usd: 0 };
const NO_DAYS: ReadonlyMap<string, number> = new Map();

/** Strategies whose arms, or regions, are compared. */
const COMPARING: ReadonlySet<string> = new Set(['split', 'region']);

/** Strategies that ask how long a call will take. */
const PREDICTING: ReadonlySet<string> = new Set(['adaptive', 'cost', 'latency']);

/** Whether it matters to the pool how long a call will take. */
const predicts = ({ strategy }: Pick<Pool, 'strategy'>): boolean => PREDICTING.has(strategy.name);

/** Deployments of which it matters how long a call will take: learning takes some µs a call. */
export function predicted({ pools, deployments }: Fleet): Deployment[] {
  const ids = new Set([...pools.values()].filter(predicts).flatMap(({ tiers }) => tiers.flat()));
  return [...deployments.values()].filter(({ id }) => ids.has(id));
}

/** What a job is placed among. */
interface Among {
  pool: Pool;
  strategy: Strategy;
  candidates: readonly Candidate[];
  costsAt: readonly Cost[];
}

export class Chooser {
  readonly #ports: ChooserPorts;
  #contention = NO_CONTENTION;
  readonly #memory = new Map<string, Memory>();
  readonly #asked = new AskedLately((pool) => this.poolOf(pool));
  readonly #strategies = new Map<string, Strategy>();
  /** Pools, and whether a limit per day or month counts in them. */
  readonly #daily = new Map<string, boolean>();
  /** By wire formats and pool, who can say it. */
  readonly #eligible = new Map<string, ReadonlySet<string> | null>();

  constructor(ports: ChooserPorts) {
    this.#ports = ports;
  }

  /** The pools are others from now on: their strategies are made anew, what these remembered stays. */
  follow(): void {
    this.#strategies.clear();
    this.#daily.clear();
    this.#eligible.clear();
  }

  /** A single job waits for its turn. */
  contended(priority: Priority): void {
    this.#contention = contendedBy(this.#contention, priority, this.#ports.now());
  }

  /** Whether a batch job asked for a place in some pool of the deployment lately: there will be more, which can try it. */
  hasBatchTraffic(deployment: string): boolean {
    return this.#asked.hasBatch(deployment, this.#ports.now());
  }

  /** The deployments that each kind of jobs may use: of a pool (or its arm) all, unless some asked lately that may use only a part. */
  get reaches(): string[][] {
    const pools = [...this.#ports.fleet.pools.values()];
    return [...pools.flatMap((pool) => reachesOf(pool)), ...this.#asked.reaches(this.#ports.now())];
  }

  /** Lines of a batch wait for a place, whether or not one is asked for: where nobody is well, nobody asks. */
  linesWait(pool: string, { formats, maxTier }: { formats: number; maxTier: number | null }): void {
    this.#note(pool, { eligible: this.eligible(pool, formats), maxTier, band: 'batch' });
  }

  #note(
    pool: string,
    { eligible, maxTier, band }: Pick<Asked, 'eligible' | 'maxTier' | 'band'>,
  ): void {
    const whole = this.#ports.fleet.pools.has(pool);
    this.#asked.note(pool, { eligible, maxTier, band, whole }, this.#ports.now());
  }

  /** How deep work is placed now. */
  get depth(): Depth {
    const { depth, now, picture } = this.#ports;
    return depthNow(depth, this.#contention, now(), picture.pickUpMs);
  }

  /**
   * Decides, and remembers what the strategy wants remembered. `among`: it goes to one of these or, where none is usable or
   * has room, nowhere now. In a pool whose arms are compared `insteadOf` is always there: AS_WANTED where it did not spill.
   */
  choose(wanted: Wanted, poolId: string, among?: ReadonlySet<string>): Choice {
    const { picture, random } = this.#ports;
    const { depth } = this;
    const now = this.#ports.now();
    const pool = this.poolOf(poolId);
    this.#note(pool.id, wanted);
    const { shape, likely, shunned = null } = wanted;
    const lineup = picture.lineup(pool.tiers, now);
    const all =
      among === undefined ? lineup.candidates : lineup.candidates.filter(({ id }) => among.has(id));
    const costsAt = lineup.costs(shape, likely);
    const days = this.countsDays(poolId) ? this.#daysOf(all, costsAt) : NO_DAYS;
    const candidates = withoutUsedUp(all, days, shunned);
    const strategy = this.#strategyOf(pool);
    const memory = this.#memory.get(pool.id) ?? NO_MEMORY;
    const { spillAfterMs } = pool;
    const asked = this.#askedOf(wanted, { pool, strategy, candidates, costsAt });
    if (among === undefined) asked.spokenForAt = lineup.spokenForMs(shape, likely);
    const chosen = choose(
      asked,
      { candidates, strategy, memory, spillAfterMs, depth },
      { now, random },
    );
    if (chosen.kind !== 'place') return chosen;
    const choice = withinDay(chosen, days);
    this.#memory.set(pool.id, choice.memory);
    const cost = picture.cost(choice.deployment, shape, likely);
    picture.placed(choice.deployment, choice.jobs, { cost, now });
    return COMPARING.has(pool.strategy.name) ? { insteadOf: AS_WANTED, ...choice } : choice;
  }

  /** With what it costs where, how long it takes there, and what for, where that is asked. */
  #askedOf(wanted: Wanted, { pool, strategy, candidates, costsAt }: Among): Asked {
    const { picture } = this.#ports;
    const { shape, likely } = wanted;
    const cost = costsAt[candidates[0]?.at ?? 0] ?? NO_COST;
    // Not spread: what it is asked of it for every candidate takes half as long again then.
    const asked: Asked = Object.assign({}, wanted, { cost, costsAt });
    if (predicts(pool)) asked.predictedMsFor = this.#callMs(wanted, candidates);
    if (strategy.withinPercent !== undefined)
      asked.usdFor = new Map(
        candidates.map(({ id }) => [id, picture.comparedUsd(id, shape, likely)]),
      );
    return asked;
  }

  #callMs({ shape, likely }: Wanted, candidates: readonly Candidate[]): Map<string, number> {
    const found = new Map<string, number>();
    for (const { id } of candidates) {
      const ms = this.#ports.picture.predictedMs(id, shape, likely);
      if (ms !== null) found.set(id, ms);
    }
    return found;
  }

  /**
   * The arm that the pool's strategy keeps a job to that draws so: jobs of other arms find room apart from it. Null = it
   * keeps jobs to none, and `draws` is not asked.
   */
  armOf(poolId: string, draws: () => Drawn): string | null {
    return this.#strategyOf(this.poolOf(poolId)).keeping?.armFor(draws()) ?? null;
  }

  /** Whether the pool's strategy keeps jobs to arms. */
  keeps(poolId: string): boolean {
    return this.#strategyOf(this.poolOf(poolId)).keeping !== undefined;
  }

  /** How many such jobs fit where a day or month limits them; no deployment that has no such limit. */
  #daysOf(all: readonly Candidate[], costsAt: readonly Cost[]): Map<string, number> {
    const { picture } = this.#ports;
    const days = new Map<string, number>();
    for (const { id, at } of all) {
      const jobs = picture.jobsThatFit(id, costsAt[at ?? 0] as Cost);
      if (jobs < Infinity) days.set(id, jobs);
    }
    return days;
  }

  /** Whether some deployment of the pool has a limit per day or month: then not all of its work fits alike. */
  countsDays(poolId: string): boolean {
    const known = this.#daily.get(poolId);
    if (known !== undefined) return known;
    const { fleet } = this.#ports;
    const counts = this.membersOf(poolId).some((id) =>
      fleet.deployments
        .get(id)
        ?.budgets.some((budget) =>
          WINDOWED_DIMENSIONS.some((each) => fleet.budgets.get(budget)?.limits[each] !== undefined),
        ),
    );
    this.#daily.set(poolId, counts);
    return counts;
  }

  /** Made once per pool. The config was checked, so its settings make one. */
  #strategyOf(pool: Pool): Strategy {
    const known = this.#strategies.get(pool.id);
    if (known) return known;
    const made = strategyFor(pool.strategy) ?? strategyNamed('capacity');
    if (made === null) throw new RangeError(`no strategy ${pool.strategy.name}`);
    this.#strategies.set(pool.id, made);
    return made;
  }

  /** The pool of this name; `deployment/<id>` is a pool of that one. */
  poolOf(id: string): Pool {
    const known = this.#ports.fleet.pools.get(id);
    if (known) return known;
    return {
      id,
      strategy: { name: 'capacity' },
      tiers: tiersOf(this.#ports.fleet, id) ?? [],
      aliases: [],
      on: [],
      spillAfterMs: null,
    };
  }

  /** All deployments of the pool; with `arm` those that its jobs may go to. */
  membersOf(poolId: string, arm: string | null = null): string[] {
    return tiersFor(this.poolOf(poolId), arm).flat();
  }

  /** Whether the plan decides where batch lines of the pool go. */
  isPlanned(poolId: string): boolean {
    return isPlanned(this.poolOf(poolId));
  }

  /** Whether batch lines of the pool travel by their keys. */
  goesByKey(poolId: string): boolean {
    return this.#strategyOf(this.poolOf(poolId)).byKey ?? false;
  }

  /** Deployments whose wire format can say it; null = all. */
  eligible(poolId: string, formats: number): ReadonlySet<string> | null {
    const key = `${formats} ${poolId}`;
    const known = this.#eligible.get(key);
    if (known !== undefined) return known;
    const able = this.#ableOf(poolId, formats);
    this.#eligible.set(key, able);
    return able;
  }

  #ableOf(poolId: string, formats: number): ReadonlySet<string> | null {
    const all = this.membersOf(poolId);
    const able = all.filter(
      (id) =>
        (formats & formatBit(this.#ports.fleet.deployments.get(id)?.provider.type ?? '')) !== 0,
    );
    return able.length === all.length ? null : new Set(able);
  }
}
