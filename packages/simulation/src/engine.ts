/**
 * Runs a scenario in virtual time. The same scenario gives the same run, to the last digit: there is no clock, and all
 * chance comes from its seed. Here is the dispatcher's round: arrivals, looks, plans, what becomes of a call that ended.
 */
import { keptTiers, takesCalls } from '@sluice/balancing';
import type { Standing } from '@sluice/balancing';
import { settled } from '@sluice/fairness';
import type { Attempt, FailureClass, Fleet, Pool } from '@sluice/job';
import { RetryBudgets, decideInPool, inItsTurn } from '@sluice/retry';
import { Agenda } from './agenda.ts';
import { Backlog } from './backlog.ts';
import { Budgets } from './budgets.ts';
import { Calls } from './calls.ts';
import type { CallCounts, Ended } from './calls.ts';
import { stream } from './chance.ts';
import { DayDemand } from './day-demand.ts';
import { Dispatch } from './dispatch.ts';
import { HealthBook } from './health-book.ts';
import { Learned } from './learned.ts';
import { Picture } from './picture.ts';
import { Planner } from './planner.ts';
import { createProviders, startOthers } from './providers.ts';
import type { Providers } from './providers.ts';
import type { Scenario, Wish } from './scenario.ts';
import { Spilling } from './spilling.ts';
import { tasksOf } from './task.ts';
import type { Task, TaskEnd } from './task.ts';

/** What happened: the material of every figure. */
export interface Run {
  tasks: readonly Task[];
  /** By deployment. */
  calls: ReadonlyMap<string, CallCounts>;
  providers: Providers;
  /** When the last job ended, ms. */
  endedAt: number;
}

/** A call that starts, and how its deployment stands then. */
export interface Start {
  task: Task;
  deployment: string;
  at: number;
  stands: Standing;
}

/** Who looks on while a run goes. */
export interface Watching {
  started?: (start: Start) => void;
  ended?: (task: Task) => void;
}

export interface Progress {
  nowMs: number;
  ended: number;
  jobs: number;
}

/** When nothing can be placed and nothing is under way, the next look may wait so long. */
const IDLE_LOOK_MS = 1_000;
/** While a day's limit is used up on one deployment another may recover from its failures. */
const LONGEST_IDLE_MS = 60_000;
/** As the worker hands back what too little of a day is left for. */
const SHUNNED_MS = 60_000;
const PROGRESS_EVERY = 2_048;

export class Engine {
  readonly #scenario: Scenario;
  readonly #watching: Watching;
  readonly #agenda = new Agenda();
  readonly #random: () => number;
  readonly #tasks: Task[];
  readonly #byDeadline: readonly Task[];
  readonly #backlog: Backlog;
  readonly #providers: Providers;
  readonly #learned: Learned;
  readonly #health: HealthBook;
  readonly #retries = new RetryBudgets();
  readonly #budgets: Budgets;
  readonly #calls: Calls;
  readonly #picture: Picture;
  readonly #days: DayDemand;
  readonly #planner: Planner;
  readonly #dispatch: Dispatch;
  #arrived = 0;
  #due = 0;
  #open = 0;
  #ended = 0;
  #endedAt = 0;
  #looking = false;
  /** Where nothing could be placed although there seemed to be room, the next look is twice as far off as the last, ms. */
  #leastIdleMs = 1;
  #idle = false;
  #pumpPlanned = false;
  #againAt = Infinity;
  #planDue = false;
  /** Whom plans reckoned with at the last look. */
  #active = '';
  #plannedAt = Number.NEGATIVE_INFINITY;

  constructor(scenario: Scenario, watching: Watching = {}) {
    const { tenants, jobs, seed, settings } = scenario;
    const fleet = withStrategy(scenario);
    this.#scenario = { ...scenario, fleet };
    this.#watching = watching;
    this.#random = stream(seed);
    this.#tasks = tasksOf(jobs, seed);
    this.#byDeadline = this.#tasks.toSorted((a, b) => a.deadlineAt - b.deadlineAt);
    this.#backlog = new Backlog(tenants, {
      armOf: (task) => this.#dispatch.armOf(task),
      countsDays: (task) => this.#dispatch.countsDays(task),
    });
    this.#providers = createProviders(this.#scenario);
    this.#learned = new Learned(fleet);
    this.#health = new HealthBook({ fleet, learned: this.#learned, random: this.#random });
    this.#budgets = new Budgets(fleet, settings);
    const known = { fleet, budgets: this.#budgets, learned: this.#learned, health: this.#health };
    this.#calls = new Calls({
      ...known,
      agenda: this.#agenda,
      providers: this.#providers,
      random: this.#random,
      started: (task, id) => this.#started(task, id),
      ended: (ended) => this.#answered(ended),
      usedUp: (handedBack, id) => this.#usedUp(handedBack, id),
      tooLate: (task) => this.#end(task, 'expired', null),
    });
    this.#picture = new Picture({ ...known, counts: this.#calls.counts });
    const spilling = new Spilling(known);
    const seen = { ...known, backlog: this.#backlog, picture: this.#picture, spilling };
    this.#days = new DayDemand(seen);
    this.#planner = new Planner(seen);
    this.#dispatch = new Dispatch({
      ...seen,
      planner: this.#planner,
      settings,
      random: this.#random,
      place: (placed, deployment) => this.#calls.place(placed, deployment),
    });
  }

  /** Runs to the end; `onProgress` is called now and then and may take its time. Once only. */
  async run(onProgress?: (progress: Progress) => Promise<void> | void): Promise<Run> {
    const running = (): boolean => this.#ended < this.#tasks.length;
    this.#planWishes();
    this.#arrive();
    startOthers(this.#scenario, this.#providers, { agenda: this.#agenda, running });
    for (let step = 1; running() && this.#agenda.step(); step += 1) {
      if (this.#planDue) await this.#plan();
      if (step % PROGRESS_EVERY === 0) await onProgress?.(this.#progress());
    }
    return {
      tasks: this.#tasks,
      calls: this.#calls.totals,
      providers: this.#providers,
      endedAt: this.#endedAt,
    };
  }

  #progress(): Progress {
    return { nowMs: this.#agenda.now, ended: this.#ended, jobs: this.#tasks.length };
  }

  #started(task: Task, deployment: string): void {
    const at = this.#agenda.now;
    const stands = this.#health.standing(deployment, at);
    this.#watching.started?.({ task, deployment, at, stands });
  }

  #planWishes(): void {
    for (const { deployment, fromMs, toMs, wish } of this.#scenario.wishes ?? []) {
      this.#agenda.at(fromMs, () => this.#set(deployment, wish));
      this.#agenda.at(toMs, () => this.#set(deployment, 'active'));
    }
  }

  /** An operator sets a deployment: it is heard at once, and what waits there goes elsewhere. */
  #set(deployment: string, wish: Wish['wish']): void {
    this.#health.wish(deployment, wish);
    this.#turnAway();
    this.#wake();
  }

  /** Sick deployments call nobody: what waits there is placed elsewhere. */
  #turnAway(): void {
    const { now } = this.#agenda;
    for (const task of this.#calls.accept((id) => this.#health.usable(id, now))) this.#wait(task);
  }

  /** Time stands still meanwhile. */
  async #plan(): Promise<void> {
    this.#planDue = false;
    this.#plannedAt = this.#agenda.now;
    await this.#planner.plan(this.#agenda.now);
  }

  /** Takes in all jobs that arrive now, and plans the next arrival. */
  #arrive(): void {
    const { now } = this.#agenda;
    for (let next = this.#tasks[this.#arrived]; next; next = this.#tasks[this.#arrived]) {
      if (next.job.at > now) {
        this.#agenda.at(next.job.at, () => this.#arrive());
        break;
      }
      this.#arrived += 1;
      this.#open += 1;
      this.#backlog.arrive(next);
    }
    this.#wake();
  }

  /** Something is to be placed: now, and looked after from now on. */
  #wake(): void {
    if (!this.#looking) {
      // After a sleep the last look is as old as the sleep; the dispatcher goes on looking.
      this.#looking = true;
      this.#agenda.at(this.#agenda.now, () => this.#look());
    }
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    this.#agenda.at(this.#agenda.now, () => {
      this.#pumpPlanned = false;
      this.#pump();
    });
  }

  /** Places what has room; once more when an interactive job may find some. */
  #pump(): number {
    const { now } = this.#agenda;
    const placed = this.#dispatch.pump(now);
    const { againInMs } = this.#dispatch;
    this.#againAt = now + againInMs;
    if (againInMs < Infinity) {
      const at = this.#againAt;
      this.#agenda.at(at, () => {
        if (this.#againAt === at) this.#pump();
      });
    }
    return placed;
  }

  /** As the dispatcher does every `snapshotMs`: looks, moves health on, places. Sleeps while there is nothing to do. */
  #look(): void {
    if (this.#open === 0) {
      this.#looking = false;
      return;
    }
    const { now } = this.#agenda;
    const { planMs, snapshotMs } = this.#scenario.settings;
    this.#expire(now);
    this.#budgets.ease(this.#health.sharesOfRate(now));
    this.#picture.update(now);
    this.#learned.look(now);
    this.#lookAtDays(now);
    this.#health.look(now);
    this.#turnAway();
    const late = now - this.#plannedAt >= planMs && !this.#idle;
    this.#planDue ||= this.#isOtherActive(now) || late;
    const placed = this.#pump();
    this.#idle = placed === 0 && this.#open === this.#backlog.waiting + this.#calls.usedUp().jobs;
    if (!this.#idle) this.#leastIdleMs = 1;
    this.#agenda.at(this.#idle ? this.#idleUntil(now) : now + snapshotMs, () => this.#look());
  }

  /** Of which nothing fits of what waits counts as used up. */
  #lookAtDays(now: number): void {
    const fitting = this.#days.fitting(now);
    for (const id of this.#scenario.fleet.deployments.keys()) {
      const fits = fitting.get(id);
      const otherwiseMs = fits === false ? this.#picture.renewalMs(id) : 0;
      const forMs = fits === undefined ? this.#picture.pausedForMs(id) : otherwiseMs;
      this.#health.pausedFor(id, forMs, now);
    }
  }

  /** Whether plans reckon with others than at the last look: then what is planned is not what can be done. */
  #isOtherActive(now: number): boolean {
    const ids = [...this.#scenario.fleet.deployments.keys()];
    const active = ids.filter((id) => takesCalls(this.#health.stands(id, now))).join(' ');
    const other = active !== this.#active;
    this.#active = active;
    return other;
  }

  /** The next moment at which something may be placed. Days pass where a day's limit is used up. */
  #idleUntil(now: number): number {
    const { shaped } = this.#backlog;
    const room = Math.min(now + this.#dispatch.roomInMs, shaped.soonestAt(now));
    const soon = Math.max(room, now + this.#leastIdleMs);
    this.#leastIdleMs = Math.min(LONGEST_IDLE_MS, this.#leastIdleMs * 2);
    const atGates = this.#calls.usedUp().until;
    const renewal = Math.min(this.#health.usedUpUntil(now) ?? Infinity, atGates);
    const usual = now + IDLE_LOOK_MS;
    if (renewal === Infinity || this.#health.recovering(now)) return Math.min(soon, usual);
    const due = this.#byDeadline[this.#due]?.deadlineAt ?? Infinity;
    const next = Math.min(renewal, due, this.#tasks[this.#arrived]?.job.at ?? Infinity);
    const latest = Math.min(now + LONGEST_IDLE_MS, Math.max(usual, next));
    return Math.min(soon, latest);
  }

  /** Ends what waits beyond its deadline. */
  #expire(now: number): void {
    for (let task = this.#byDeadline[this.#due]; task; task = this.#byDeadline[this.#due]) {
      if (task.deadlineAt > now) return;
      this.#due += 1;
      if (!this.#backlog.isWaiting(task)) continue;
      this.#end(task, 'expired', null);
      this.#backlog.drop(task);
    }
  }

  /** Back to where it can go anywhere. */
  #wait(task: Task): void {
    task.waitingSince = this.#agenda.now;
    this.#backlog.again(task);
  }

  /** They go elsewhere, or wait for another day. */
  #usedUp(tasks: readonly Task[], deployment: string): void {
    const until = this.#agenda.now + SHUNNED_MS;
    for (const task of tasks) {
      task.shunned = { deployment, until };
      this.#wait(task);
    }
    this.#wake();
  }

  #answered(ended: Ended): void {
    const { deployment, task, ending, actual } = ended;
    this.#backlog.noLongerUnderWay(task);
    this.#retries.called(deployment.id, this.#agenda.now);
    this.#retries.calledFor(task.job.tenant, 1, this.#agenda.now);
    if (actual === null) return this.#failed(ended);
    // A tenant pays what its job really cost.
    if (task.charged) {
      const ms = this.#dispatch.workMs(task, actual, ending.takesMs);
      const { tenant } = task.job;
      const { turns, shaped } = this.#backlog;
      settled(turns, { tenant, band: task.charged.band }, ms - task.charged.ms);
      task.charged.ms = ms;
      const tokens = actual.input + actual.output - task.charged.tokens;
      shaped.sent(tenant, { requests: 0, tokens }, this.#agenda.now);
    }
    this.#end(task, 'succeeded', deployment.id);
  }

  #failed({ deployment, task, ending, startedAt }: Ended): void {
    const { fleet, settings } = this.#scenario;
    const { now } = this.#agenda;
    task.attempts.push(attemptOf({ deployment, task, ending, startedAt }));
    const pool = fleet.pools.get(task.job.pool) as Pool;
    const { maxAttempts, backoff } = settings;
    const { attempts, deadlineAt } = task;
    const failed = attempts.at(-1) as Attempt;
    const verdict = decideInPool(
      {
        outcome: failed.outcome as FailureClass,
        deployment: failed.deployment,
        attempts,
        retryAfterMs: ending.retryAfterMs,
        pool: { on: pool.on, tiers: keptTiers(pool, failed.deployment) },
        maxTier: task.job.maxTier ?? null,
        maxAttempts,
        backoff,
        now,
        deadlineAt,
      },
      this.#random,
    );
    if (verdict.kind === 'expire') return this.#end(task, 'expired', null);
    if (verdict.kind !== 'retry') return this.#end(task, 'failed', deployment.id);
    task.exclude = verdict.exclude;
    task.minTier = verdict.minTier;
    const { outcome, deployment: id } = failed;
    const call = { deployment: id, tenant: task.job.tenant, outcome: outcome as FailureClass };
    const waitMs = this.#retries.waitFor(call, now);
    this.#agenda.at(inItsTurn(verdict.notBeforeMs, waitMs, deadlineAt), () => {
      this.#wait(task);
      this.#wake();
    });
  }

  #end(task: Task, kind: TaskEnd, deployment: string | null): void {
    const { now } = this.#agenda;
    this.#backlog.noLongerUnderWay(task);
    task.end = { kind, at: now, deployment };
    this.#watching.ended?.(task);
    if (task.job.batch !== null && task.charged) this.#backlog.ended(task.job.batch);
    this.#open -= 1;
    this.#ended += 1;
    this.#endedAt = now;
  }
}

/** With the strategy that is tried instead of the pools' own; a pool of that strategy keeps its settings. */
function withStrategy({ fleet, strategy: name }: Scenario): Fleet {
  if (name === undefined) return fleet;
  const pools = [...fleet.pools].map(([id, pool]): [string, Pool] => [
    id,
    pool.strategy.name === name ? pool : { ...pool, strategy: { name } },
  ]);
  return { ...fleet, pools: new Map(pools) };
}

const attemptOf = ({ deployment, task, ending, startedAt }: Omit<Ended, 'actual'>): Attempt => ({
  deployment: deployment.id,
  provider: deployment.provider.id,
  started_at: startedAt / 1_000,
  queued_ms: Math.round(startedAt - task.waitingSince),
  took_ms: Math.round(ending.takesMs),
  outcome: ending.outcome,
  status_code: null,
  usage: null,
  cost_usd: null,
  error: ending.outcome,
});
