/** Which jobs of a run come and fall due when, and how many are not over yet. Times in ms of the simulation. */
import type { Task } from './task.ts';

export class Timetable {
  readonly tasks: readonly Task[];
  readonly #byDeadline: readonly Task[];
  #arrived = 0;
  #due = 0;
  #ended = 0;
  #endedAt = 0;

  /** `tasks`: in the order of their arrival. */
  constructor(tasks: readonly Task[]) {
    this.tasks = tasks;
    this.#byDeadline = tasks.toSorted((a, b) => a.deadlineAt - b.deadlineAt);
  }

  get isOver(): boolean {
    return this.#ended === this.tasks.length;
  }

  get ended(): number {
    return this.#ended;
  }

  /** When the last of those that ended did. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** Jobs that have arrived and are not over. */
  get open(): number {
    return this.#arrived - this.#ended;
  }

  /** Infinity = none is to come. */
  get nextArrivalAt(): number {
    return this.tasks[this.#arrived]?.job.at ?? Infinity;
  }

  /** Infinity = none that was not yet {@link overdue}. */
  get nextDeadlineAt(): number {
    return this.#byDeadline[this.#due]?.deadlineAt ?? Infinity;
  }

  /** The next that has arrived by now; null = there is none. Each once. */
  arriving(now: number): Task | null {
    if (this.nextArrivalAt > now) return null;
    this.#arrived += 1;
    return this.tasks[this.#arrived - 1] ?? null;
  }

  /** The next whose deadline has passed by now, whatever has become of it; null = there is none. Each once. */
  overdue(now: number): Task | null {
    if (this.nextDeadlineAt > now) return null;
    this.#due += 1;
    return this.#byDeadline[this.#due - 1] ?? null;
  }

  end(now: number): void {
    this.#ended += 1;
    this.#endedAt = now;
  }
}
