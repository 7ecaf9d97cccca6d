/**
 * The leader's picture of the fleet: what Redis said at the last look, plus what has been placed since.
 *
 * A deployment's queue is `placed − taken`: placed is counted here, taken by the script that books (or by the worker that
 * drops). Both only grow; the difference is corrected whenever the queue turns out to be empty, so that no crash between
 * two counts skews it for long. Of budgets the picture knows how far they are booked ahead, and adds what is placed on all
 * deployments sharing them and not yet booked.
 */
import type { DeploymentLoad, WindowLoad } from '@sluice/admission';
import type { Candidate, PickUp, Rate, SharedSlots } from '@sluice/balancing';
import {
  LATELY,
  msOf,
  NO_PICK_UP,
  pickUpAfter,
  pickUpMs,
  trying,
  weightNow,
} from '@sluice/balancing';
import { amountOf, commonFigures, expectedCost, jobsThatFit, outsizedBy } from '@sluice/budget';
import type { CommonFigures, Cost, Outsized, PacedDimension } from '@sluice/budget';
import { usualOutput } from '@sluice/prediction';
import type { Deployment, Fleet, OutputCharge, Shape } from '@sluice/job';
import { GivenBook } from './given-book.ts';
import type { Learned } from './learned.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';
import type { Likely } from './lengths-book.ts';
import { standing } from '@sluice/balancing';
import type { Health, Standing, Trying } from '@sluice/balancing';

interface View {
  deployment: Deployment;
  load: DeploymentLoad;
  readAt: number;
  placed: number;
  takenBefore: number;
  /** Decaying mean of what was placed here. */
  meanCost: Cost | null;
  /** Calls that ended lately, decaying, and when the last one was seen to; 429s and lost ones do not count. */
  lately: { ok: number; failed: number; at: number };
  pickUp: PickUp;
  /** The newest placement, and how many calls that count had ended by then: whether a trial is still out. */
  last: { at: number; ended: number };
}

/** Weight of a new placement in the mean cost. */
const LEARNING = 0.1;
/** Below this many calls an average latency says nothing yet. */
const ENOUGH_CALLS = 1;

const NOTHING_LATELY = { ok: 0, failed: 0, at: Number.NEGATIVE_INFINITY } as const;
const NO_TRIAL = { at: Number.NEGATIVE_INFINITY, ended: 0 } as const;

export class Picture {
  readonly #fleet: Fleet;
  readonly #learned: Learned | null;
  readonly #views = new Map<string, View>();
  #health: ReadonlyMap<string, Health> = new Map();
  /** What was placed where, when the ledger had it so. */
  readonly given = new GivenBook();
  /** As of the last look; null = not asked for since. */
  #common: ReadonlyMap<string, CommonFigures> | null = null;

  /** `learned`: what is known of durations, if anything. */
  constructor(fleet: Fleet, learned: Learned | null = null) {
    this.#fleet = fleet;
    this.#learned = learned;
  }

  get ready(): boolean {
    return this.#views.size === this.#fleet.deployments.size;
  }

  /** Takes in a look at Redis. */
  update(loads: ReadonlyMap<string, DeploymentLoad>, now: number): void {
    this.#common = null;
    for (const id of this.#views.keys())
      if (!this.#fleet.deployments.has(id)) this.#views.delete(id);
    for (const [id, load] of loads) {
      const deployment = this.#fleet.deployments.get(id);
      if (!deployment) continue;
      const view = this.#views.get(id);
      if (!view) {
        this.#views.set(id, {
          deployment,
          load,
          readAt: now,
          placed: 0,
          takenBefore: load.taken,
          meanCost: null,
          lately: NOTHING_LATELY,
          pickUp: NO_PICK_UP,
          last: NO_TRIAL,
        });
        continue;
      }
      view.deployment = deployment;
      view.lately = latelyOf(view, load, now);
      const [taken, ms] = [load.taken - view.load.taken, now - view.readAt];
      view.load = load;
      view.readAt = now;
      if (load.taken - view.takenBefore > view.placed) view.takenBefore = load.taken - view.placed;
      const look = {
        queued: this.queued(id),
        taken,
        idle: this.#isActive(id, now) && isIdle(load),
        ms,
      };
      view.pickUp = pickUpAfter(view.pickUp, look);
    }
  }

  #isActive(id: string, now: number): boolean {
    const health = this.#health.get(id);
    return health === undefined || standing(health, now).state === 'active';
  }

  setHealth(health: ReadonlyMap<string, Health>): void {
    this.#health = health;
  }

  /** Jobs were placed on a deployment. */
  placed(id: string, jobs: number, { cost, now }: { cost: Cost; now: number }): void {
    const view = this.#views.get(id);
    if (!view) return;
    view.placed += jobs;
    view.last = { at: now, ended: endedOf(view.load) };
    view.meanCost = view.meanCost === null ? cost : blend(view.meanCost, cost);
  }

  /** From now on only calls that begin from now on count for its trials. */
  marked(id: string): void {
    const view = this.#views.get(id);
    if (!view) return;
    view.load = { ...view.load, since: { at: Number.POSITIVE_INFINITY, ended: {} } };
    view.last = NO_TRIAL;
  }

  /** Corrects a placement that turned out larger, smaller or not to happen. */
  recount(id: string, jobs: number): void {
    const view = this.#views.get(id);
    if (view) view.placed += jobs;
  }

  /** The deployment's queue is known to be empty and nothing is being fetched: what the counts say beyond is an error. */
  emptied(id: string): void {
    const view = this.#views.get(id);
    if (view) view.takenBefore = view.load.taken - view.placed;
  }

  /** Deployments whose queue seems not to be empty. */
  get busy(): string[] {
    return [...this.#views.keys()].filter((id) => this.queued(id) > 0);
  }

  queued(id: string): number {
    const view = this.#views.get(id);
    return view ? Math.max(0, view.placed - (view.load.taken - view.takenBefore)) : 0;
  }

  /** How long placed work takes until it is taken although no limit holds it up, ms: where it takes longest. */
  get pickUpMs(): number {
    let most = 0;
    for (const { pickUp } of this.#views.values()) most = Math.max(most, pickUpMs(pickUp));
    return most;
  }

  /** Of the calls that ended in about the last half minute, without 429s and lost ones, 0…1; null: none ended in the last minute. */
  errorRate(id: string, now: number): number | null {
    const { ok, failed, at } = this.#views.get(id)?.lately ?? NOTHING_LATELY;
    return now - at > LATELY.forgottenMs ? null : failed / (ok + failed);
  }

  load(id: string): DeploymentLoad | undefined {
    return this.#views.get(id)?.load;
  }

  /**
   * What one job of this shape is booked with at a deployment. Where nobody has answered anything that tells how long an
   * answer to it is, its maximum.
   */
  cost(id: string, shape: Shape, likely: Likely = NOTHING_KNOWN): Cost {
    return this.costWith(id, shape, this.expects(id, shape, likely));
  }

  /**
   * What one job of this shape will have taken in the end, probably: where nothing is known, what answers usually have; of a
   * maximum that is given back, what was produced.
   */
  likelyCost(id: string, shape: Shape, likely: Likely): Cost {
    const output = this.expects(id, shape, likely) ?? usualOutput(this.mostOutput(id, shape));
    const { accounting } = (this.#views.get(id) as View).deployment;
    const charge = accounting.output === 'released' ? 'actual' : accounting.output;
    return this.costWith(id, shape, output, charge);
  }

  /**
   * What one job of this shape costs there, probably, for comparing prices: of as many tokens as at every deployment alike to it. US
   * dollars; null = its price is not known.
   */
  comparedUsd(id: string, shape: Shape, likely: Likely): number | null {
    const { deployment } = this.#views.get(id) as View;
    const { defaultMaxTokens, accounting, price } = deployment;
    if (price === null) return null;
    const common = this.#commonFigures().get(id) as CommonFigures;
    const meanOutput = likely.mean(common.meanOutput ?? usualOutput(this.mostOutput(id, shape)));
    return expectedCost(shape, { ...common, meanOutput, defaultMaxTokens, accounting, price }).usd;
  }

  #commonFigures(): ReadonlyMap<string, CommonFigures> {
    return (this.#common ??= commonFigures(
      [...this.#views.values()].map(({ deployment: { id, model, price }, load }) => {
        const { ok: answers, charsPerToken, cachedShare, meanOutput } = load;
        return { id, model, price, answers, charsPerToken, cachedShare, meanOutput };
      }),
    ));
  }

  /** A limit that lets less through in a minute than one job of this shape probably takes of it; null = it fits. */
  outsized(id: string, shape: Shape, likely: Likely): Outsized | null {
    const { dims } = (this.#views.get(id) as View).load;
    const output = this.expects(id, shape, likely) ?? usualOutput(this.mostOutput(id, shape));
    return outsizedBy(this.costWith(id, shape, output), dims);
  }

  /** Output tokens that an answer is expected to have; null while nobody knows. */
  expects(id: string, shape: Shape, likely: Likely): number | null {
    const { load } = this.#views.get(id) as View;
    const usual = likely.certainty > 0 ? usualOutput(this.mostOutput(id, shape)) : null;
    const otherwise = load.meanOutput ?? usual;
    return otherwise === null ? null : likely.mean(otherwise);
  }

  /** Output tokens that an answer has at most. */
  mostOutput(id: string, { maxOutput }: Pick<Shape, 'maxOutput'>): number {
    return maxOutput ?? (this.#views.get(id) as View).deployment.defaultMaxTokens;
  }

  /** What one job takes that is answered with so many tokens; null: with as many as it may. */
  costWith(id: string, shape: Shape, meanOutput: number | null, charge?: OutputCharge): Cost {
    const { deployment, load } = this.#views.get(id) as View;
    const { accounting } = deployment;
    return expectedCost(shape, {
      charsPerToken: load.charsPerToken,
      cachedShare: load.cachedShare,
      meanOutput,
      defaultMaxTokens: deployment.defaultMaxTokens,
      accounting: charge ? { ...accounting, output: charge } : accounting,
      price: deployment.price,
    });
  }

  /** How long a call of this shape is expected to take there, ms; null while nobody knows. */
  predictedMs(id: string, shape: Shape, likely: Likely = NOTHING_KNOWN): number | null {
    const view = this.#views.get(id);
    if (!view || !this.#learned) return null;
    const { charsPerToken, inFlight } = view.load;
    const most = this.mostOutput(id, shape);
    const output = Math.min(most, this.expects(id, shape, likely) ?? most);
    const input = shape.characters / charsPerToken;
    return this.#learned.predictedMs(id, { input, output, inFlight });
  }

  /** The mean of what these deployments are given; one request where nothing was placed yet. */
  usualCost(ids: readonly string[]): Cost {
    const costs = ids.flatMap((id) => this.#views.get(id)?.meanCost ?? []);
    const mean = (read: (cost: Cost) => number): number =>
      costs.reduce((sum, cost) => sum + read(cost), 0) / Math.max(1, costs.length);
    return {
      requests: 1,
      input: mean((c) => c.input),
      output: mean((c) => c.output),
      usd: mean((c) => c.usd),
    };
  }

  /** Candidates of some tiers, as placement wants them. */
  candidates(tiers: readonly (readonly string[])[], now: number): Candidate[] {
    return tiers.flatMap((members, i) =>
      members.flatMap((id) => {
        const view = this.#views.get(id);
        return view ? [this.#candidate(view, i + 1, now)] : [];
      }),
    );
  }

  /** One deployment by itself; null when nothing is known of it. */
  candidate(id: string, now: number): Candidate | null {
    const view = this.#views.get(id);
    return view ? this.#candidate(view, 1, now) : null;
  }

  #candidate(view: View, tier: number, now: number): Candidate {
    const { deployment, load } = view;
    const health = this.#health.get(deployment.id);
    const stands: Standing = health ? standing(health, now) : { state: 'active', probe: 'batch' };
    const ended = load.ok + load.failed;
    // Of a trial tells what was placed and ended, not the counts of queue and calls, which a crash can leave too high for ever.
    const trial = stands.state === 'half_open' ? trialOf(view, stands, now) : null;
    return {
      id: deployment.id,
      tier,
      weight: weightNow(deployment.weight, health?.slow),
      region: deployment.region,
      price: deployment.price,
      queued: trial?.underWay ?? this.queued(deployment.id),
      inFlight: trial === null ? load.inFlight : 0,
      concurrency: this.#slotsOf(deployment.id, load),
      sharedSlots: this.#sharedSlots(deployment),
      rates: load.dims.map((dim) => this.#rate(dim, view, now)),
      predictedMs: ended >= ENOUGH_CALLS ? load.meanLatencyMs : null,
      errorRate: errorRateOf(view.lately),
      speed: this.#learned?.speed(deployment.id) ?? null,
      ...stands,
      ...(trial && { probe: trial.probe }),
    };
  }

  #rate(dim: DeploymentLoad['dims'][number], view: View, now: number): Rate {
    const sinceRead = now - view.readAt;
    const base = { budget: dim.budget, dimension: dim.dimension, perMs: dim.ratePerMs };
    const booked = Math.max(0, Math.max(dim.aheadMs, view.load.refusedForMs) - sinceRead);
    return { ...base, aheadMs: booked + this.#unbookedMs({ ...base, aheadMs: 0 }) };
  }

  /** Deployments with a limit per day or month. */
  get withDays(): string[] {
    return [...this.#views].flatMap(([id, { load }]) => (load.windows.length > 0 ? [id] : []));
  }

  /** How many jobs of this cost its limits per day and month have left, beside what is placed; Infinity without such. */
  jobsThatFit(id: string, cost: Cost): number {
    const windows = this.#views.get(id)?.load.windows ?? [];
    if (windows.length === 0) return Infinity;
    return jobsThatFit(windows, cost, ({ budget, dimension }) => {
      let sum = 0;
      for (const { deployment, meanCost } of this.#views.values())
        if (meanCost !== null && deployment.budgets.includes(budget))
          sum += this.queued(deployment.id) * amountOf(dimension, meanCost);
      return sum;
    });
  }

  /** Work placed on all deployments that draw on this budget and not yet booked, in ms of the rate. */
  #unbookedMs(rate: Rate): number {
    let sum = 0;
    for (const view of this.#views.values()) {
      if (view.meanCost === null || !view.deployment.budgets.includes(rate.budget)) continue;
      sum += this.queued(view.deployment.id) * msOf(view.meanCost, rate);
    }
    return sum;
  }

  /**
   * Calls at once that a budget allows: as configured, or what 429s leave of it. Null = any number. A slow start does not
   * count: it doubles with every round of answers.
   */
  callsAtOnce(budget: string): number | null {
    let least = this.#fleet.budgets.get(budget)?.limits.concurrency ?? null;
    for (const { load } of this.#views.values())
      for (const slots of load.slots)
        if (slots.taught && slots.budget === budget)
          least = Math.min(least ?? slots.size, Math.floor(slots.size));
    return least;
  }

  /** The same for a deployment's own budget, as far as its slow start has come. */
  #slotsOf(id: string, load: DeploymentLoad): number | null {
    const own = load.slots.find(({ budget }) => budget === id);
    const configured = this.#fleet.budgets.get(id)?.limits.concurrency ?? null;
    return own === undefined ? configured : Math.min(configured ?? own.size, Math.floor(own.size));
  }

  /**
   * What a budget lets pass per minute, as it stands: what is configured, or less where headers or 429s say so; without
   * a look at Redis what is configured. Null = no limit is known.
   */
  limitOf(budget: string, dimension: PacedDimension): number | null {
    const configured = this.#fleet.budgets.get(budget)?.limits[dimension] ?? null;
    for (const { load } of this.#views.values())
      for (const dim of load.dims)
        if (dim.budget === budget && dim.dimension === dimension)
          return Math.min(configured ?? dim.limit, dim.limit);
    return configured;
  }

  /** Its limits per day and month, and what is used of each; before a look at Redis none. */
  windowsOf(budget: string): WindowLoad[] {
    for (const { load } of this.#views.values()) {
      const own = load.windows.filter((window) => window.budget === budget);
      if (own.length > 0) return own;
    }
    return [];
  }

  #sharedSlots(deployment: Deployment): SharedSlots[] {
    return deployment.budgets.flatMap((budget) => {
      const limit = this.callsAtOnce(budget);
      if (limit === null || budget === deployment.id) return [];
      // Permits in use are leases, which lapse; counting calls would keep those of a crashed worker for ever.
      let used = 0;
      let queued = 0;
      for (const { deployment: one, load } of this.#views.values()) {
        if (!one.budgets.includes(budget)) continue;
        queued += this.queued(one.id);
        if (load.concurrency?.budget === budget) used = load.concurrency.used;
        used = Math.max(used, load.slots.find((slots) => slots.budget === budget)?.used ?? 0);
      }
      return [{ budget, limit, taken: used + queued }];
    });
  }
}

function trialOf({ deployment, load, last }: View, stands: Standing, now: number): Trying {
  const { timeoutMs } = deployment;
  return trying({ at: last.at, ended: endedOf(load) > last.ended, timeoutMs }, stands, now);
}

/** Calls that ended since the last mark, or ever. */
const endedOf = ({ ok, failed, since }: DeploymentLoad): number =>
  since === null
    ? ok + failed
    : Object.values(since.ended).reduce((sum: number, ended) => sum + ended, 0);

/** Whether nothing is booked of its limits: what is taken now starts now. */
const isIdle = ({ dims, concurrency, pausedForMs }: DeploymentLoad): boolean =>
  pausedForMs <= 0 &&
  dims.every(({ aheadMs }) => aheadMs <= 0) &&
  (concurrency === null || concurrency.used < concurrency.limit);

/** Failed, and not for the deployment's sake: a 429 is about a budget, what is lost was broken off here. */
const blameless = ({ byOutcome }: DeploymentLoad): number =>
  (byOutcome.rate_limited ?? 0) + (byOutcome.lost ?? 0);

/** So many answers are taken for granted: one failure among few calls is no bad deployment. */
const ASSUMED_OK = 3;

function latelyOf({ load: before, lately, readAt }: View, load: DeploymentLoad, now: number) {
  const kept = Math.exp(-Math.max(0, now - readAt) / LATELY.decayMs);
  const ok = Math.max(0, load.ok - before.ok);
  const failed = Math.max(0, load.failed - blameless(load) - before.failed + blameless(before));
  const at = ok + failed > 0 ? now : lately.at;
  return { ok: lately.ok * kept + ok, failed: lately.failed * kept + failed, at };
}

const errorRateOf = ({ ok, failed }: View['lately']): number => failed / (ok + failed + ASSUMED_OK);

const blend = (mean: Cost, cost: Cost): Cost => ({
  requests: 1,
  input: mean.input + LEARNING * (cost.input - mean.input),
  output: mean.output + LEARNING * (cost.output - mean.output),
  usd: mean.usd + LEARNING * (cost.usd - mean.usd),
});
