/**
 * The plan for what waits in batches: classes of lines that cost alike, over the deployments that may run them, with what
 * has been learnt so far. The turns decide how much, the plan decides where; of tenants it knows those with limits of their own, whose
 * lines are classes of their own.
 */
import { strategyFor, takesCallsOf } from '@sluice/balancing';
import { bookedBeyondMs, plannedShare } from '@sluice/budget';
import { shapedClasses } from '@sluice/fairness';
import { pricesCountedAs } from '@sluice/job';
import type { Budget, Fleet, Pool, RateDimension } from '@sluice/job';
import {
  behindOf,
  fleetLimits,
  isPlanned,
  makePlan,
  meanUnits,
  placesOf,
  replan,
  startPace,
} from '@sluice/planning';
import type { DrainProblem, JobClass, Pace, Plan } from '@sluice/planning';
import type { Backlog, LineClass } from './backlog.ts';
import type { HealthBook } from './health-book.ts';
import type { Learned } from './learned.ts';
import type { Level } from './levels.ts';
import type { Picture } from './picture.ts';
import type { Spilling } from './spilling.ts';
import { sizeOf } from './task.ts';

export interface PlannerPorts {
  fleet: Fleet;
  backlog: Backlog;
  picture: Picture;
  learned: Learned;
  health: HealthBook;
  spilling: Pick<Spilling, 'since'>;
}

/** Classes of expected output per doubling. */
const OUTPUT_STEPS = 2;

export class Planner {
  readonly #ports: PlannerPorts;
  /** By class of lines: the class of the plan it belongs to. */
  #classOf = new Map<string, string>();
  #pace: Pace | null = null;
  #madeAt = 0;

  constructor(ports: PlannerPorts) {
    this.#ports = ports;
  }

  get pace(): Pace | null {
    return this.#pace;
  }

  /** When the plan was made. */
  get madeAt(): number {
    return this.#madeAt;
  }

  /** The plan's class of a class of lines; null = the plan says nothing of it. */
  classOf(lineKey: string): string | null {
    const id = this.#classOf.get(lineKey);
    return id !== undefined && this.#pace?.classes.has(id) ? id : null;
  }

  /** Plans anew what waits now; without a solution room alone decides. */
  async plan(now: number): Promise<Plan | null> {
    const { problem, classOf } = this.#problem(now);
    const planned = this.#hasWork() ? await makePlan(problem) : null;
    if (planned?.kind !== 'solved') {
      this.#pace = null;
      return null;
    }
    this.#classOf = classOf;
    this.#pace = this.#pace
      ? replan(behindOf(this.#pace, now - this.#madeAt), planned.plan)
      : startPace(planned.plan);
    this.#madeAt = now;
    return planned.plan;
  }

  /** Whether it would lead any lines. Those that go by their pool's strategy are planned for beside them, as work that is there. */
  #hasWork(): boolean {
    const { backlog, fleet } = this.#ports;
    return [...backlog.classes.values()].some(
      ({ lines, example }) => lines > 0 && isPlanned(fleet.pools.get(example.job.pool) as Pool),
    );
  }

  #problem(now: number): { problem: DrainProblem; classOf: Map<string, string> } {
    const classOf = new Map<string, string>();
    const merged = new Map<string, LineClass[]>();
    for (const [key, line] of this.#ports.backlog.classes) {
      if (line.lines === 0) continue;
      const id = this.#idOf(line);
      classOf.set(key, id);
      const group = merged.get(id);
      if (group) group.push(line);
      else merged.set(id, [line]);
    }
    const classes = this.#shaped(merged, now);
    return { problem: { classes, ...this.#limits(classes, now) }, classOf };
  }

  /** The classes, with how long their tenants' own limits take. */
  #shaped(merged: ReadonlyMap<string, readonly LineClass[]>, now: number): JobClass[] {
    const { shaped } = this.#ports.backlog;
    const all = [...merged].map(([id, lines]) => ({
      jobClass: this.#jobClass(id, lines, now),
      tenant: (lines[0] as LineClass).example.job.tenant,
    }));
    return shapedClasses(all, (tenant) => shaped.limitsOf(tenant));
  }

  /** Pool, wire formats, size of input, and of the output to be expected; the tenant, where it has limits of its own. */
  #idOf({ example, lines, characters }: LineClass): string {
    const { pool, eligible, tenant } = example.job;
    const whose = this.#ports.backlog.shaped.limitsOf(tenant) === null ? '' : ` of ${tenant}`;
    const able = eligible === null ? '*' : [...eligible].join(',');
    const output = this.#ports.learned.output(example, 0);
    const step = Math.round(Math.log2(Math.max(1, output)) * OUTPUT_STEPS);
    const most = example.shape.maxOutput === null ? '-' : sizeOf(example.shape.maxOutput);
    return `${pool} ${able} ${sizeOf(characters / lines)} ${most} ${step}${whose}`;
  }

  #jobClass(id: string, lines: readonly LineClass[], now: number): JobClass {
    const jobs = lines.reduce((sum, line) => sum + line.lines, 0);
    const { example } = lines[0] as LineClass;
    const pool = this.#ports.fleet.pools.get(example.job.pool) as Pool;
    const due = Math.min(...lines.map((line) => line.example.deadlineAt));
    const savesMoney = withinPercentOf(pool) !== null;
    const placesIn = (tier: readonly string[]) => this.#placesOn(pool, tier, lines);
    return {
      id,
      jobs,
      deadlineInMs: Math.max(0, due - now),
      objective: savesMoney ? 'cost' : 'time',
      deployments: placesOf(this.#tiersOf(pool, lines, now).map(placesIn), {
        // As the dispatcher: the plan would use a later tier where it is the cheaper.
        spillAfterMs: savesMoney ? null : pool.spillAfterMs,
        waitedMs: this.#waitedMs(lines, now),
        limits: () => this.#limits([]),
      }),
    };
  }

  #placesOn(pool: Pool, tier: readonly string[], lines: readonly LineClass[]) {
    const within = withinPercentOf(pool);
    const prices = (): Map<string, number | null> =>
      new Map(tier.map((place) => [place, this.#comparedUsd(place, lines)]));
    const counted = within === null ? null : pricesCountedAs(prices(), within);
    return Object.fromEntries(
      tier.map((place) => {
        const usd = counted?.get(place);
        const counts = usd !== undefined && { countsAsUsd: usd };
        return [place, { ...this.#place(place, lines), ...counts }];
      }),
    );
  }

  /** Of all the lines together. */
  #comparedUsd(place: string, lines: readonly LineClass[]): number | null {
    let sum = 0;
    for (const line of lines) {
      const usd = this.#ports.learned.comparedUsd(place, kindOf(line));
      if (usd === null) return null;
      sum += usd * line.lines;
    }
    return sum / lines.reduce((jobs, line) => jobs + line.lines, 0);
  }

  /** Mean over the lines. */
  #place(deployment: string, lines: readonly LineClass[]) {
    const { learned, fleet } = this.#ports;
    const sum = { requests: 0, input: 0, output: 0, usd: 0, latencyMs: 0, lines: 0 };
    for (const line of lines) {
      const { lines: jobs } = line;
      const kind = kindOf(line);
      const cost = learned.cost(deployment, kind);
      sum.lines += jobs;
      sum.input += cost.input * jobs;
      sum.output += cost.output * jobs;
      sum.usd += cost.usd * jobs;
      sum.latencyMs += learned.predictedMs(deployment, kind, 0) * jobs;
    }
    const usd = fleet.deployments.get(deployment)?.price ? sum.usd / sum.lines : null;
    const [input, output] = [sum.input / sum.lines, sum.output / sum.lines];
    return {
      cost: { requests: 1, input, output, usd } as const,
      latencyMs: sum.latencyMs / sum.lines,
    };
  }

  /** For the first open tier, of those that have waited longest. */
  #waitedMs(lines: readonly LineClass[], now: number): number {
    const { spilling } = this.#ports;
    return Math.max(...lines.map(({ example }) => now - (spilling.since(example, now) ?? now)));
  }

  /** Who takes calls, needs no trial first and has something left of its day, tier by tier. */
  #tiersOf(pool: Pool, lines: readonly LineClass[], now: number): string[][] {
    const { health, picture } = this.#ports;
    const { eligible } = (lines[0] as LineClass).example.job;
    const fits = (id: string): boolean => {
      const { cost } = this.#place(id, lines);
      return picture.jobsThatFit(id, { ...cost, usd: cost.usd ?? 0 }) >= 1;
    };
    const takes = (id: string): boolean => takesCallsOf(eligible, health.stands(id, now));
    return pool.tiers.map((tier) => tier.filter((id) => takes(id) && fits(id)));
  }

  /** `bookedAt`: less what is booked ahead of them at that time beyond what is usual; null = with nothing under way. */
  #limits(
    classes: readonly JobClass[],
    bookedAt: number | null = null,
  ): Pick<DrainProblem, 'deployments' | 'budgets'> {
    const { fleet, picture } = this.#ports;
    const shareOf = (id: string, dimension: RateDimension): number =>
      plannedShare(fleet.budgets.get(id) as Budget, dimension);
    const beyondMs = (id: string, { dimension, wholePerMs: perMs }: Level): number => {
      if (bookedAt === null) return 0;
      const aheadMs = picture.bookedAheadMs(id, dimension, bookedAt);
      return bookedBeyondMs({ perMs, aheadMs }, () => meanUnits(classes, dimension));
    };
    return fleetLimits(
      fleet,
      {
        rates: (id) =>
          picture.ratesOf(id).map((level) => ({
            dimension: level.dimension,
            perMs: level.wholePerMs * shareOf(id, level.dimension),
            aheadMs: beyondMs(id, level),
          })),
        windows: (id) => picture.windowsOf(id),
        concurrency: (id) => fleet.budgets.get(id)?.limits.concurrency ?? null,
        full: true,
      },
      classes,
    );
  }
}

/** How much dearer than the cheapest still counts as equally cheap, %; null = the pool does not save money. */
const withinPercentOf = ({ strategy }: Pool): number | null =>
  strategyFor(strategy)?.withinPercent ?? null;

/** A line of it of the mean size. */
const kindOf = ({ example, lines, characters }: LineClass) => ({
  ...example,
  shape: { ...example.shape, characters: characters / lines },
});
