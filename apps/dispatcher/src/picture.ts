/**
 * The leader's picture of the fleet: what Redis said at the last look, plus what has been placed since.
 *
 * A deployment's queue is `placed − taken`. Both only grow; the difference is corrected whenever the queue turns out to be
 * empty, so that no crash between two counts skews it for long. Of budgets the picture knows how far they are booked ahead,
 * and adds what is placed on all deployments sharing them and not yet booked.
 */
import { unseenLoad } from '@sluice/admission';
import type { DeploymentLoad, WindowLoad } from '@sluice/admission';
import { pickUpMs, standing } from '@sluice/balancing';
import type { Candidate, Health } from '@sluice/balancing';
import { amountOf, jobsThatFit } from '@sluice/budget';
import type { CommonFigures, Cost, Outsized, PacedDimension } from '@sluice/budget';
import type { Fleet, Shape } from '@sluice/job';
import type { FleetNow } from './candidate-of.ts';
import {
  bookedCost,
  commonFiguresOf,
  comparedUsd,
  costWith,
  expectedOutput,
  expectedTokens,
  likelyCost,
  mostOutput,
  outsizedFor,
} from './call-cost.ts';
import { endedOf, firstView, mark, queuedOf, restUntil, viewAfter } from './deployment-view.ts';
import type { View } from './deployment-view.ts';
import { drawnBudgets } from './drawn-budget.ts';
import type { DrawnBudget } from './drawn-budget.ts';
import { GivenBook } from './given-book.ts';
import { KeptCandidate } from './kept-candidate.ts';
import { NOTHING_LATELY, seenErrorRate } from './lately-ended.ts';
import type { Learned } from './learned.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';
import type { Likely } from './lengths-book.ts';
import { bookedAheadMs, callsAtOnce, limitOf, windowsOf } from './limits-now.ts';
import { Lineup } from './lineup.ts';
import type { Member } from './lineup.ts';
import { OnTheWay } from './on-the-way.ts';
import { costAfter, meanOfCosts } from './usual-cost.ts';

export class Picture {
  readonly #fleet: Fleet;
  readonly #learned: Learned | null;
  readonly #views = new Map<string, View>();
  /** Of deployments that are gone, as they were seen last: what was begun with one of them goes by that. */
  readonly #gone = new Map<string, View>();
  #health: ReadonlyMap<string, Health> = new Map();
  /** As of the last look, with what was placed since. */
  #budgets: ReadonlyMap<string, DrawnBudget> = new Map();
  /** By the tiers of a pool, and of single deployments by their ids, as of the last look. */
  #lineups = new WeakMap<readonly (readonly string[])[], Lineup>();
  readonly #alone = new Map<string, KeptCandidate>();
  #pickUpMs: number | null = null;
  /** Deployments where something was placed, corrected or marked since they were last asked for. */
  #stirred = new Set<string>();
  /** What was placed where, when the ledger had it so. */
  readonly given = new GivenBook();
  readonly onTheWay = new OnTheWay();
  /** As of the last look; null = not asked for since. */
  #common: ReadonlyMap<string, CommonFigures> | null = null;

  /** `learned`: what is known of durations, if anything. */
  constructor(fleet: Fleet, learned: Learned | null = null) {
    this.#fleet = fleet;
    this.#learned = learned;
  }

  /** Whether every deployment of the fleet has been looked at. */
  get ready(): boolean {
    for (const id of this.#fleet.deployments.keys()) if (!this.#views.has(id)) return false;
    return true;
  }

  /** Takes in a look at Redis. Those that it leaves out and that rest are as they were. */
  update(loads: ReadonlyMap<string, DeploymentLoad>, now: number): void {
    this.#common = null;
    for (const [id, view] of this.#views) {
      if (this.#fleet.deployments.has(id)) continue;
      this.#gone.set(id, view);
      this.#views.delete(id);
    }
    for (const [id, view] of this.#views)
      if (view.rests && !loads.has(id) && !this.#stirred.has(id))
        restUntil(view, { active: this.#isActive(id, now) }, now);
    for (const [id, load] of loads) {
      const deployment = this.#fleet.deployments.get(id);
      if (!deployment) continue;
      const before = this.#views.get(id);
      const look = { deployment, load, active: this.#isActive(id, now) };
      this.#views.set(id, before ? viewAfter(before, look, now) : firstView(look, now));
    }
    this.#budgets = drawnBudgets(this.#fleet, this.#views.values());
    this.#standOtherwise();
    this.#pickUpMs = null;
  }

  /** Whether nothing is on its queue, under way or booked ahead, and nothing was new at the last look at it. */
  rests(id: string): boolean {
    return !this.#stirred.has(id) && (this.#views.get(id)?.rests ?? false);
  }

  /** Deployments where something was placed, corrected or marked since this was last asked. */
  takeStirred(): ReadonlySet<string> {
    const stirred = this.#stirred;
    this.#stirred = new Set();
    return stirred;
  }

  #changed(view: View): void {
    const { deployment } = view;
    view.rests = false;
    view.changes += 1;
    this.#stirred.add(deployment.id);
    for (const budget of deployment.budgets) this.#budgets.get(budget)?.changed();
  }

  #isActive(id: string, now: number): boolean {
    const health = this.#health.get(id);
    return health === undefined || standing(health, now).state === 'active';
  }

  /** How all stand from now on. Call it whenever one of them stands otherwise. */
  setHealth(health: ReadonlyMap<string, Health>): void {
    this.#health = health;
    this.#standOtherwise();
  }

  #standOtherwise(): void {
    this.#lineups = new WeakMap();
    this.#alone.clear();
  }

  /** Jobs were placed on a deployment. */
  placed(id: string, jobs: number, { cost, now }: { cost: Cost; now: number }): void {
    const view = this.#views.get(id);
    if (!view) return;
    view.placed += jobs;
    view.last = { at: now, ended: endedOf(view.load) };
    view.meanCost = costAfter(view.meanCost, cost);
    this.#changed(view);
  }

  /** From now on only calls that begin from now on count for its trials. */
  marked(id: string): void {
    const view = this.#views.get(id);
    if (!view) return;
    mark(view);
    this.#changed(view);
  }

  /** Corrects a placement that turned out larger, smaller or not to happen. */
  recount(id: string, jobs: number): void {
    const view = this.#views.get(id);
    if (!view) return;
    view.placed += jobs;
    this.#changed(view);
  }

  /** The deployment's queue is known to be empty and nothing is being fetched: what the counts say beyond is an error. */
  emptied(id: string): void {
    const view = this.#views.get(id);
    if (!view) return;
    view.takenBefore = view.load.taken - view.placed;
    this.#changed(view);
  }

  /** Jobs placed there, ever. */
  placedOn(id: string): number {
    return this.#views.get(id)?.placed ?? 0;
  }

  /** Deployments whose queue seems not to be empty. */
  get busy(): string[] {
    return [...this.#views.keys()].filter((id) => this.queued(id) > 0);
  }

  queued(id: string): number {
    const view = this.#views.get(id);
    return view ? queuedOf(view) : 0;
  }

  /** How long placed work takes until it is taken although no limit holds it up, ms: where it takes longest. */
  get pickUpMs(): number {
    if (this.#pickUpMs !== null) return this.#pickUpMs;
    let most = 0;
    for (const { pickUp } of this.#views.values()) most = Math.max(most, pickUpMs(pickUp));
    this.#pickUpMs = most;
    return most;
  }

  /** Of the calls that ended in about the last half minute, without 429s and lost ones, 0…1; null: none ended in the last minute. */
  errorRate(id: string, now: number): number | null {
    return seenErrorRate(this.#views.get(id)?.lately ?? NOTHING_LATELY, now);
  }

  load(id: string): DeploymentLoad | undefined {
    return this.#views.get(id)?.load;
  }

  /**
   * What one job of this shape is booked with at a deployment. Where nobody has answered anything that tells how long an
   * answer to it is, its maximum.
   */
  cost(id: string, shape: Shape, likely: Likely = NOTHING_KNOWN): Cost {
    return bookedCost(this.#view(id), shape, likely);
  }

  /**
   * What one job of this shape will have taken in the end, probably: where nothing is known, what answers usually have; of a
   * maximum that is given back, what was produced.
   */
  likelyCost(id: string, shape: Shape, likely: Likely): Cost {
    return likelyCost(this.#view(id), shape, likely);
  }

  /**
   * What one job of this shape costs there, probably, for comparing prices: of as many tokens as at every deployment alike to it. US
   * dollars; null = its price is not known.
   */
  comparedUsd(id: string, shape: Shape, likely: Likely): number | null {
    const view = this.#view(id);
    const common = (): CommonFigures =>
      this.#commonFigures().get(id) ?? (commonFiguresOf([view]).get(id) as CommonFigures);
    return comparedUsd(view, common, { shape, likely });
  }

  #commonFigures(): ReadonlyMap<string, CommonFigures> {
    return (this.#common ??= commonFiguresOf(this.#views.values()));
  }

  /** A limit that lets less through in a minute than one job of this shape probably takes of it; null = it fits. */
  outsized(id: string, shape: Shape, likely: Likely): Outsized | null {
    return outsizedFor(this.#view(id), shape, likely);
  }

  /** Output tokens that an answer is expected to have; null while nobody knows. */
  expects(id: string, shape: Shape, likely: Likely): number | null {
    return expectedOutput(this.#view(id), shape, likely);
  }

  /** Output tokens that an answer has at most. */
  mostOutput(id: string, shape: Pick<Shape, 'maxOutput'>): number {
    return mostOutput(this.#view(id), shape);
  }

  /** What one job takes that is answered with so many tokens; null: with as many as it may. */
  costWith(id: string, shape: Shape, meanOutput: number | null): Cost {
    return costWith(this.#view(id), shape, meanOutput);
  }

  /** Of one that came with a reload and was not looked at yet, what is known of it without. */
  #view(id: string): View {
    const seen = this.#views.get(id);
    if (seen) return seen;
    const deployment = this.#fleet.deployments.get(id);
    if (deployment) return firstView({ deployment, load: unseenLoad(id), active: true }, 0);
    const gone = this.#gone.get(id);
    if (!gone) throw new RangeError(`no such deployment: ${id}`);
    return gone;
  }

  /** How long a call of this shape is expected to take there, ms; null while nobody knows. */
  predictedMs(id: string, shape: Shape, likely: Likely = NOTHING_KNOWN): number | null {
    const view = this.#views.get(id);
    if (!view || !this.#learned) return null;
    const { inFlight } = view.load;
    return this.#learned.predictedMs(id, { ...expectedTokens(view, shape, likely), inFlight });
  }

  /** The mean of what these deployments are given; one request where nothing was placed yet. */
  usualCost(ids: readonly string[]): Cost {
    return meanOfCosts(ids.flatMap((id) => this.#views.get(id)?.meanCost ?? []));
  }

  /** Those of a pool as they are now, for one decision: candidates are changed in place when it is asked for again. */
  lineup(tiers: readonly (readonly string[])[], now: number): Lineup {
    const kept = this.#lineups.get(tiers);
    if (kept) return kept.follow(now);
    const lineup = new Lineup(this.#membersOf(tiers), this.#known, now);
    this.#lineups.set(tiers, lineup);
    return lineup;
  }

  /** Of which something is known, in the order of the pool. */
  #membersOf(tiers: readonly (readonly string[])[]): Member[] {
    return tiers.flatMap((ids, i) =>
      ids.flatMap((id) => {
        const view = this.#views.get(id);
        return view ? { view, tier: i + 1 } : [];
      }),
    );
  }

  /** One deployment by itself, for one decision; null when nothing is known of it. */
  candidate(id: string, now: number): Candidate | null {
    const kept = this.#alone.get(id);
    if (kept) {
      kept.follow(now);
      return kept.candidate;
    }
    const view = this.#views.get(id);
    if (!view) return null;
    const alone = new KeptCandidate(view, this.#known, { tier: 1, at: null, now });
    this.#alone.set(id, alone);
    return alone.candidate;
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
      const drawn = this.#budgets.get(budget);
      return drawn ? amountOf(dimension, drawn.placed) : 0;
    });
  }

  /**
   * Calls at once that a budget allows: as configured, or what 429s leave of it. Null = any number. A slow start does not
   * count: it doubles with every round of answers.
   */
  callsAtOnce(budget: string): number | null {
    return callsAtOnce(this.#seen(budget), budget);
  }

  /**
   * What a budget lets pass per minute, as it stands: what is configured, or less where headers or 429s say so; without
   * a look at Redis what is configured. Null = no limit is known.
   */
  limitOf(budget: string, dimension: PacedDimension): number | null {
    return limitOf(this.#seen(budget), budget, dimension);
  }

  /** For how long all that comes of a limit is spoken for, ms. */
  bookedAheadMs(budget: string, dimension: PacedDimension, now: number): number {
    return bookedAheadMs(this.#seen(budget).drawers, { budget, dimension }, now);
  }

  /** Its limits per day and month, and what is used of each; before a look at Redis none. */
  windowsOf(budget: string): WindowLoad[] {
    return windowsOf(this.#seen(budget).drawers, budget);
  }

  #seen(budget: string): { fleet: Fleet; drawers: readonly View[] } {
    return { fleet: this.#fleet, drawers: this.#budgets.get(budget)?.drawers ?? [] };
  }

  get #known(): FleetNow {
    return {
      fleet: this.#fleet,
      budgets: this.#budgets,
      health: this.#health,
      learned: this.#learned,
    };
  }
}
