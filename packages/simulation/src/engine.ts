/**
 * Runs a scenario in virtual time. The same scenario gives the same run, to the last digit: there is no clock, and all
 * chance comes from its seed. Here is the dispatcher's round: arrivals, looks, plans, and what ends.
 */
import { takesCalls } from '@sluice/balancing';
import { Agenda } from './agenda.ts';
import { stream } from './chance.ts';
import type { Ahead } from './idle-time.ts';
import { assemble } from './parts.ts';
import type { Parts } from './parts.ts';
import { startOthers } from './providers.ts';
import type { Progress, Run, Watching } from './run.ts';
import type { Scenario, Wish } from './scenario.ts';
import { tasksOf } from './task.ts';
import type { Task, TaskEnd } from './task.ts';
import { Timetable } from './timetable.ts';
import { withStrategy } from './tried-strategy.ts';

/** As the worker hands back what too little of a day is left for. */
const SHUNNED_MS = 60_000;
const PROGRESS_EVERY = 2_048;

export class Engine {
  readonly #scenario: Scenario;
  readonly #watching: Watching;
  readonly #agenda = new Agenda();
  readonly #timetable: Timetable;
  readonly #parts: Parts;
  #looking = false;
  #idle = false;
  #pumpPlanned = false;
  #againAt = Infinity;
  #planDue = false;
  /** Whom plans reckoned with at the last look. */
  #active = '';
  #plannedAt = Number.NEGATIVE_INFINITY;

  constructor(scenario: Scenario, watching: Watching = {}) {
    const { jobs, seed } = scenario;
    this.#scenario = { ...scenario, fleet: withStrategy(scenario) };
    this.#watching = watching;
    this.#timetable = new Timetable(tasksOf(jobs, seed));
    this.#parts = assemble(this.#scenario, {
      agenda: this.#agenda,
      random: stream(seed),
      started: (task, id) => this.#started(task, id),
      ended: (task, kind, id) => this.#end(task, kind, id),
      usedUp: (handedBack, id) => this.#usedUp(handedBack, id),
      waitFrom: (at, task) => this.#waitFrom(at, task),
    });
  }

  /** Runs to the end; `onProgress` is called now and then and may take its time. Once only. */
  async run(onProgress?: (progress: Progress) => Promise<void> | void): Promise<Run> {
    const running = (): boolean => !this.#timetable.isOver;
    this.#planWishes();
    this.#arrive();
    startOthers(this.#scenario, this.#parts.providers, { agenda: this.#agenda, running });
    for (let step = 1; running() && this.#agenda.step(); step += 1) {
      if (this.#planDue) await this.#plan();
      if (step % PROGRESS_EVERY === 0) await onProgress?.(this.#progress());
    }
    return {
      tasks: this.#timetable.tasks,
      calls: this.#parts.calls.totals,
      providers: this.#parts.providers,
      endedAt: this.#timetable.endedAt,
    };
  }

  #progress(): Progress {
    const { ended, tasks } = this.#timetable;
    return { nowMs: this.#agenda.now, ended, jobs: tasks.length };
  }

  #started(task: Task, deployment: string): void {
    const at = this.#agenda.now;
    const stands = this.#parts.health.standing(deployment, at);
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
    this.#parts.health.wish(deployment, wish);
    this.#turnAway();
    this.#wake();
  }

  /** Sick deployments call nobody: what waits there is placed elsewhere. */
  #turnAway(): void {
    const { now } = this.#agenda;
    for (const task of this.#parts.calls.accept((id) => this.#parts.health.usable(id, now)))
      this.#wait(task);
  }

  /** Time stands still meanwhile. */
  async #plan(): Promise<void> {
    this.#planDue = false;
    this.#plannedAt = this.#agenda.now;
    await this.#parts.planner.plan(this.#agenda.now);
  }

  /** Takes in all jobs that arrive now, and plans the next arrival. */
  #arrive(): void {
    const { now } = this.#agenda;
    for (let next = this.#timetable.arriving(now); next; next = this.#timetable.arriving(now))
      this.#parts.backlog.arrive(next);
    const { nextArrivalAt: at } = this.#timetable;
    if (at < Infinity) this.#agenda.at(at, () => this.#arrive());
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
    const placed = this.#parts.dispatch.pump(now);
    const { againInMs } = this.#parts.dispatch;
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
    if (this.#timetable.open === 0) {
      this.#looking = false;
      return;
    }
    const { now } = this.#agenda;
    const { planMs, snapshotMs } = this.#scenario.settings;
    const { backlog, budgets, calls, days, health, learned, picture, sleep } = this.#parts;
    this.#expire(now);
    budgets.ease(health.sharesOfRate(now));
    picture.update(now);
    learned.look(now);
    days.look(now);
    health.look(now);
    this.#turnAway();
    const late = now - this.#plannedAt >= planMs && !this.#idle;
    this.#planDue ||= this.#isOtherActive(now) || late;
    const placed = this.#pump();
    this.#idle = placed === 0 && this.#timetable.open === backlog.waiting + calls.usedUp().jobs;
    if (!this.#idle) sleep.ends();
    const next = this.#idle ? sleep.until(now, this.#ahead(now)) : now + snapshotMs;
    this.#agenda.at(next, () => this.#look());
  }

  /** Whether plans reckon with others than at the last look: then what is planned is not what can be done. */
  #isOtherActive(now: number): boolean {
    const ids = [...this.#scenario.fleet.deployments.keys()];
    const active = ids.filter((id) => takesCalls(this.#parts.health.stands(id, now))).join(' ');
    const other = active !== this.#active;
    this.#active = active;
    return other;
  }

  #ahead(now: number): Ahead {
    const { backlog, chooser } = this.#parts;
    const { nextArrivalAt: arrivesAt, nextDeadlineAt: dueAt } = this.#timetable;
    const roomAt = Math.min(now + chooser.roomInMs, backlog.shaped.soonestAt(now));
    return { roomAt, dueAt, arrivesAt };
  }

  /** Ends what waits beyond its deadline. */
  #expire(now: number): void {
    const { backlog } = this.#parts;
    for (let task = this.#timetable.overdue(now); task; task = this.#timetable.overdue(now)) {
      if (!backlog.isWaiting(task)) continue;
      this.#end(task, 'expired', null);
      backlog.drop(task);
    }
  }

  /** Back to where it can go anywhere. */
  #wait(task: Task): void {
    task.waitingSince = this.#agenda.now;
    this.#parts.backlog.again(task);
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
    this.#parts.backlog.noLongerUnderWay(task);
    task.end = { kind, at: now, deployment };
    this.#watching.ended?.(task);
    if (task.job.batch !== null && task.charged) this.#parts.backlog.ended(task.job.batch);
    this.#timetable.end(now);
  }
}
