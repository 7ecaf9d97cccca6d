/**
 * The dispatcher's picture of the fleet: what the last look at queues and budgets showed, plus what has been placed
 * since. As stale as in production, so that it errs as production does.
 */
import { msOf, trying, weightNow } from '@sluice/balancing';
import type { Candidate, Rate, SharedSlots, Standing, Trying } from '@sluice/balancing';
import { amountOf, jobsThatFit, renewalMs } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import type { Deployment, Fleet } from '@sluice/job';
import { unitsOf } from '@sluice/planning';
import type { WindowUse } from '@sluice/planning';
import type { Budgets } from './budgets.ts';
import type { Level, Levels } from './levels.ts';
import type { HealthBook } from './health-book.ts';
import type { Learned } from './learned.ts';

interface View {
  deployment: Deployment;
  levels: Levels;
  readAt: number;
  inFlight: number;
  ended: number;
  failed: number;
  /** Jobs ever placed on it, and how many of them had left its queue at the last look. */
  placed: number;
  taken: number;
  meanCost: Cost | null;
  /** The newest placement, and how many calls had ended by then. */
  last: { at: number; ended: number };
}

/** What happens on the deployments themselves, counted as it happens; the picture sees it at the next look. */
export interface Counts {
  taken: number;
  calling: number;
  ended: number;
  failed: number;
}

export interface PicturePorts {
  fleet: Fleet;
  budgets: Budgets;
  health: HealthBook;
  learned: Learned;
  counts: ReadonlyMap<string, Counts>;
}

/** Weight of a new placement in the mean cost. */
const LEARNING = 0.1;

export class Picture {
  readonly #ports: PicturePorts;
  readonly #views = new Map<string, View>();
  /** By budget: who draws on it. */
  readonly #drawing = new Map<string, View[]>();

  constructor(ports: PicturePorts) {
    this.#ports = ports;
    for (const deployment of ports.fleet.deployments.values()) {
      const view: View = {
        deployment,
        levels: ports.budgets.levels(deployment.id, 0),
        readAt: 0,
        inFlight: 0,
        ended: 0,
        failed: 0,
        placed: 0,
        taken: 0,
        meanCost: null,
        last: { at: Number.NEGATIVE_INFINITY, ended: 0 },
      };
      this.#views.set(deployment.id, view);
      for (const budget of deployment.budgets) {
        const drawing = this.#drawing.get(budget);
        if (drawing) drawing.push(view);
        else this.#drawing.set(budget, [view]);
      }
    }
  }

  /** Nothing starts on it for so long, as of the last look, ms. */
  pausedForMs(id: string): number {
    return this.#views.get(id)?.levels.pausedForMs ?? 0;
  }

  /** Looks at queues and budgets. */
  update(now: number): void {
    const { budgets, counts } = this.#ports;
    for (const [id, view] of this.#views) {
      const { taken, calling, ended, failed } = counts.get(id) as Counts;
      view.levels = budgets.levels(id, now);
      view.readAt = now;
      view.taken = taken;
      view.inFlight = calling;
      view.ended = ended;
      view.failed = failed;
    }
  }

  placed(id: string, jobs: number, { cost, now }: { cost: Cost; now: number }): void {
    const view = this.#views.get(id) as View;
    view.placed += jobs;
    view.last = { at: now, ended: this.#ports.health.trialsEnded(id) };
    view.meanCost = view.meanCost === null ? cost : blend(view.meanCost, cost);
  }

  /** Rate limits of a budget, as known now. */
  ratesOf(budget: string): Level[] {
    const [view] = this.#drawing.get(budget) ?? [];
    return view?.levels.rates.filter((level) => level.budget === budget) ?? [];
  }

  /** For how long all that comes of a limit is spoken for, ms: by what is booked of it, or by a pause of all that draw on it. */
  bookedAheadMs(budget: string, dimension: Level['dimension'], now: number): number {
    const booked = (this.#drawing.get(budget) ?? []).flatMap(({ levels, readAt }) =>
      levels.rates
        .filter((rate) => rate.budget === budget && rate.dimension === dimension)
        .map(({ aheadMs }) => Math.max(aheadMs, levels.refusedForMs) - (now - readAt)),
    );
    return booked.length === 0 ? 0 : Math.max(0, Math.min(...booked));
  }

  /** What a budget's days and months have left, as known now; what is placed and not booked is as good as gone. */
  windowsOf(budget: string): WindowUse[] {
    const drawing = this.#drawing.get(budget) ?? [];
    const windows = drawing[0]?.levels.windows.filter((each) => each.budget === budget) ?? [];
    return windows.map(({ dimension, limit, used }) => {
      const placed = drawing.map((view) =>
        view.meanCost === null ? 0 : queuedOn(view) * unitsOf(view.meanCost, dimension),
      );
      return { dimension, limit, used: placed.reduce((sum, each) => sum + each, used) };
    });
  }

  /** Deployments with a limit per day or month. */
  get withDays(): string[] {
    return [...this.#views].flatMap(([id, { levels }]) => (levels.windows.length > 0 ? [id] : []));
  }

  /** Jobs placed on it that have not left its queue, as of the last look. */
  queued(id: string): number {
    return queuedOn(this.#views.get(id) as View);
  }

  /** How many jobs of this cost its days and months have left, beside what is placed; Infinity without such limits. */
  jobsThatFit(id: string, cost: Cost): number {
    const { windows } = (this.#views.get(id) as View).levels;
    return jobsThatFit(windows, cost, ({ budget, dimension }) =>
      (this.#drawing.get(budget) ?? []).reduce(
        (sum, view) =>
          view.meanCost === null ? sum : sum + queuedOn(view) * amountOf(dimension, view.meanCost),
        0,
      ),
    );
  }

  /** When something comes back of its days and months that are not waited for as other limits, ms from the last look. */
  renewalMs(id: string): number {
    return renewalMs((this.#views.get(id) as View).levels.windows);
  }

  candidates(tiers: readonly (readonly string[])[], now: number): Candidate[] {
    return tiers.flatMap((members, i) => members.map((id) => this.#candidate(id, i + 1, now)));
  }

  #candidate(id: string, tier: number, now: number): Candidate {
    const view = this.#views.get(id) as View;
    const { deployment, levels } = view;
    const stands = this.#ports.health.standing(id, now);
    const trial = stands.state === 'half_open' ? this.#trying(view, stands, now) : null;
    return {
      id,
      tier,
      weight: weightNow(deployment.weight, this.#ports.health.isSlow(id)),
      region: deployment.region,
      price: deployment.price,
      queued: trial?.underWay ?? queuedOn(view),
      inFlight: trial === null ? view.inFlight : 0,
      concurrency: this.#ports.fleet.budgets.get(id)?.limits.concurrency ?? null,
      sharedSlots: this.#sharedSlots(view),
      rates: levels.rates.map((level) => this.#rate(level, view, now)),
      predictedMs: this.#ports.learned.meanLatencyMs(id),
      speed: this.#ports.learned.speed(id, now),
      errorRate: view.ended > 0 ? view.failed / view.ended : 0,
      ...stands,
      ...(trial && { probe: trial.probe }),
    };
  }

  #trying({ deployment, last }: View, stands: Standing, now: number): Trying {
    const ended = this.#ports.health.trialsEnded(deployment.id) > last.ended;
    return trying({ at: last.at, ended, timeoutMs: deployment.timeoutMs }, stands, now);
  }

  #rate({ budget, dimension, perMs, aheadMs }: Level, view: View, now: number): Rate {
    const base = { budget, dimension, perMs, aheadMs: 0 };
    const booked = Math.max(aheadMs, view.levels.pausedForMs) - (now - view.readAt);
    return { ...base, aheadMs: Math.max(0, booked) + this.#unbookedMs(base) };
  }

  /** Work placed on all deployments that draw on this budget and not yet booked, in ms of the rate. */
  #unbookedMs(rate: Rate): number {
    let sum = 0;
    for (const view of this.#drawing.get(rate.budget) ?? [])
      if (view.meanCost !== null) sum += queuedOn(view) * msOf(view.meanCost, rate);
    return sum;
  }

  #sharedSlots({ deployment }: View): SharedSlots[] {
    return deployment.budgets.flatMap((budget) => {
      const limit = this.#ports.fleet.budgets.get(budget)?.limits.concurrency;
      if (limit === undefined || budget === deployment.id) return [];
      const members = this.#drawing.get(budget) ?? [];
      const used = Math.max(0, ...members.map(({ levels }) => levels.permits.get(budget) ?? 0));
      const queued = members.reduce((sum, view) => sum + queuedOn(view), 0);
      return [{ budget, limit, taken: used + queued }];
    });
  }
}

const queuedOn = ({ placed, taken }: View): number => Math.max(0, placed - taken);

const blend = (mean: Cost, cost: Cost): Cost => ({
  requests: 1,
  input: mean.input + LEARNING * (cost.input - mean.input),
  output: mean.output + LEARNING * (cost.output - mean.output),
  usd: mean.usd + LEARNING * (cost.usd - mean.usd),
});
