/** Asks placement (balancing) about a job: with the fleet as the picture has it, each pool's strategy and its memory. */
import {
  NO_CONTENTION,
  NO_MEMORY,
  choose,
  contendedBy,
  depthNow,
  strategyFor,
  tiersFor,
  withinDay,
  withoutUsedUp,
} from '@sluice/balancing';
import type { Asked, Choice, DayRoom, Memory, Strategy } from '@sluice/balancing';
import { WINDOWED_DIMENSIONS } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import type { Fleet, Pool, Priority } from '@sluice/job';
import type { HealthBook } from './health-book.ts';
import type { Learned } from './learned.ts';
import type { Picture } from './picture.ts';
import type { Settings } from './scenario.ts';
import { shunnedNow } from './task.ts';
import type { Task } from './task.ts';

export interface ChooserPorts {
  fleet: Fleet;
  picture: Picture;
  health: HealthBook;
  learned: Learned;
  settings: Settings;
  random: () => number;
}

export type Place = Extract<Choice, { kind: 'place' }>;

const NO_DAYS: DayRoom = new Map();
const NOTHING: Cost = { requests: 1, input: 0, output: 0, usd: 0 };

export class Chooser {
  readonly #ports: ChooserPorts;
  readonly #memory = new Map<string, Memory>();
  readonly #strategies = new Map<string, Strategy>();
  /** Pools, and whether a limit per day or month counts in them. */
  readonly #daily = new Map<string, boolean>();
  /** Single jobs that come. */
  #contention = NO_CONTENTION;
  #roomInMs = Infinity;

  constructor(ports: ChooserPorts) {
    this.#ports = ports;
  }

  /** When what found no room since {@link begin} at a deployment that takes calls may find some, ms from then; Infinity = nothing did. */
  get roomInMs(): number {
    return this.#roomInMs;
  }

  begin(): void {
    this.#roomInMs = Infinity;
  }

  /** A single job waits for its turn. */
  contended(priority: Priority, now: number): void {
    this.#contention = contendedBy(this.#contention, priority, now);
  }

  /** `among`: it goes to one of these or nowhere. */
  choose(
    task: Task,
    how: { jobs: number; among: ReadonlySet<string> | null; since?: number },
    now: number,
  ): Choice {
    const { jobs, among, since = task.waitingSince } = how;
    const { picture, learned, settings, random } = this.#ports;
    const pool = this.poolOf(task);
    const tiers = among ? pool.tiers.map((tier) => tier.filter((id) => among.has(id))) : pool.tiers;
    const all = picture.candidates(tiers, now);
    const costs = new Map(all.map(({ id }) => [id, learned.cost(id, task)]));
    const days = this.countsDays(task) ? this.#daysOf(costs) : NO_DAYS;
    const candidates = withoutUsedUp(all, days, shunnedNow(task, now));
    const predictedMsFor = new Map(
      candidates.map(({ id, inFlight }) => [id, learned.predictedMs(id, task, inFlight)]),
    );
    const strategy = this.#strategyOf(pool);
    const usdFor =
      strategy.withinPercent === undefined
        ? undefined
        : new Map(candidates.map(({ id }) => [id, learned.comparedUsd(id, task)]));
    const asked: Asked = {
      cost: costs.values().next().value ?? NOTHING,
      costs,
      predictedMsFor,
      ...(usdFor && { usdFor }),
      jobs,
      lot: task.lot,
      band: task.job.priority === 'interactive' ? 'interactive' : 'batch',
      exclude: task.exclude,
      eligible: task.job.eligible,
      minTier: task.minTier,
      maxTier: task.job.maxTier ?? null,
      waitingSince: since,
      deadlineInMs: task.deadlineAt - now,
    };
    this.#ports.health.jobAsks(pool.id, asked, now);
    const memory = this.#memory.get(pool.id) ?? NO_MEMORY;
    const { spillAfterMs } = pool;
    const { depth } = settings;
    const poolNow = {
      candidates,
      strategy,
      memory,
      spillAfterMs,
      depth: depthNow(depth, this.#contention, now),
    };
    const choice = withinDay(choose(asked, poolNow, { now, random }), days);
    if (choice.kind === 'wait' && choice.why.state === 'active')
      this.#roomInMs = Math.min(this.#roomInMs, choice.retryInMs);
    return choice;
  }

  /** What the strategy wants remembered of a choice that is carried out. */
  remember({ job }: Task, { memory }: Place): void {
    this.#memory.set(job.pool, memory);
  }

  /** How many such jobs fit where a day or month limits them. */
  #daysOf(costs: ReadonlyMap<string, Cost>): DayRoom {
    const all = [...costs].map(
      ([id, cost]) => [id, this.#ports.picture.jobsThatFit(id, cost)] as const,
    );
    return new Map(all.filter(([, jobs]) => jobs < Infinity));
  }

  /** Whether some deployment of its pool has a limit per day or month. */
  countsDays({ job }: Task): boolean {
    const known = this.#daily.get(job.pool);
    if (known !== undefined) return known;
    const { fleet } = this.#ports;
    const budgets = this.poolOf({ job })
      .tiers.flat()
      .flatMap((id) => fleet.deployments.get(id)?.budgets ?? []);
    const counts = budgets.some((id) =>
      WINDOWED_DIMENSIONS.some((each) => fleet.budgets.get(id)?.limits[each] !== undefined),
    );
    this.#daily.set(job.pool, counts);
    return counts;
  }

  /** The arm that the job is kept to; null = none. */
  armOf({ job, lot }: Task): string | null {
    return (
      this.#strategyOf(this.poolOf({ job })).keeping?.armFor({ lot, eligible: job.eligible }) ??
      null
    );
  }

  /** Whether the job may go there at all: one that is kept to an arm goes to none of the others. */
  mayUse(task: Task, deployment: string): boolean {
    const tiers = tiersFor(this.poolOf(task), this.armOf(task));
    return tiers.some((tier) => tier.includes(deployment));
  }

  poolOf = ({ job }: Pick<Task, 'job'>): Pool => this.#ports.fleet.pools.get(job.pool) as Pool;

  /** Made once per pool. */
  #strategyOf(pool: Pool): Strategy {
    const known = this.#strategies.get(pool.id);
    if (known) return known;
    const made = strategyFor(pool.strategy);
    if (!made) throw new RangeError(`no such strategy without settings: ${pool.strategy.name}`);
    this.#strategies.set(pool.id, made);
    return made;
  }
}
