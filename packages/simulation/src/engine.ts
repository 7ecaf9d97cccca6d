/**
 * Runs a scenario in virtual time. The same scenario gives the same run, to the last digit: there is no clock, and all
 * chance comes from its seed. Here is the dispatcher's round: arrivals, looks, plans, what becomes of a call that ended.
 */
import { takesCalls } from '@sluice/balancing';
import type { Standing } from '@sluice/balancing';
import { AfterCall } from './after-call.ts';
import { Agenda } from './agenda.ts';
import { Backlog } from './backlog.ts';
import { Budgets } from './budgets.ts';
import { Calls } from './calls.ts';
import type { CallCounts } from './calls.ts';
import { stream } from './chance.ts';
import { Chooser } from './chooser.ts';
import { DayDemand } from './day-demand.ts';
import { Dispatch } from './dispatch.ts';
import { HealthBook } from './health-book.ts';
import { IdleTime } from './idle-time.ts';
import type { Ahead } from './idle-time.ts';
import { Learned } from './learned.ts';
import { Picture } from './picture.ts';
import { Planner } from './planner.ts';
import { createProviders, startOthers } from './providers.ts';
import type { Providers } from './providers.ts';
import type { Scenario, Wish } from './scenario.ts';
import { Spilling } from './spilling.ts';
import { tasksOf } from './task.ts';
import type { Task, TaskEnd } from './task.ts';
import { withStrategy } from './tried-strategy.ts';
import { TurnPrices } from './turn-prices.ts';

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
  readonly #afterCall: AfterCall;
  readonly #chooser: Chooser;
  readonly #sleep: IdleTime;
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
      ended: (ended) => this.#afterCall.answered(ended),
      usedUp: (handedBack, id) => this.#usedUp(handedBack, id),
      tooLate: (task) => this.#end(task, 'expired', null),
    });
    this.#sleep = new IdleTime({ calls: this.#calls, health: this.#health });
    this.#picture = new Picture({ ...known, counts: this.#calls.counts });
    const asking = { ...known, picture: this.#picture, settings, random: this.#random };
    this.#chooser = new Chooser(asking);
    this.#backlog = new Backlog(tenants, this.#chooser);
    const seen = { ...asking, backlog: this.#backlog, spilling: new Spilling(known) };
    this.#days = new DayDemand(seen);
    this.#planner = new Planner(seen);
    const prices = new TurnPrices(fleet);
    this.#dispatch = new Dispatch({
      ...seen,
      chooser: this.#chooser,
      planner: this.#planner,
      prices,
      place: (placed, deployment) => this.#calls.place(placed, deployment),
    });
    this.#afterCall = new AfterCall({
      ...seen,
      agenda: this.#agenda,
      prices,
      end: (task, kind, id) => this.#end(task, kind, id),
      waitFrom: (at, task) => this.#waitFrom(at, task),
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
    this.#days.look(now);
    this.#health.look(now);
    this.#turnAway();
    const late = now - this.#plannedAt >= planMs && !this.#idle;
    this.#planDue ||= this.#isOtherActive(now) || late;
    const placed = this.#pump();
    this.#idle = placed === 0 && this.#open === this.#backlog.waiting + this.#calls.usedUp().jobs;
    if (!this.#idle) this.#sleep.ends();
    const next = this.#idle ? this.#sleep.until(now, this.#ahead(now)) : now + snapshotMs;
    this.#agenda.at(next, () => this.#look());
  }

  /** Whether plans reckon with others than at the last look: then what is planned is not what can be done. */
  #isOtherActive(now: number): boolean {
    const ids = [...this.#scenario.fleet.deployments.keys()];
    const active = ids.filter((id) => takesCalls(this.#health.stands(id, now))).join(' ');
    const other = active !== this.#active;
    this.#active = active;
    return other;
  }

  #ahead(now: number): Ahead {
    const arrivesAt = this.#tasks[this.#arrived]?.job.at ?? Infinity;
    const dueAt = this.#byDeadline[this.#due]?.deadlineAt ?? Infinity;
    const room = now + this.#chooser.roomInMs;
    return { roomAt: Math.min(room, this.#backlog.shaped.soonestAt(now)), dueAt, arrivesAt };
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

  #waitFrom(at: number, task: Task): void {
    this.#agenda.at(at, () => {
      this.#wait(task);
      this.#wake();
    });
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
