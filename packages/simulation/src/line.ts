/** What waits of a class of a batch. */
import type { Task } from './task.ts';

/** Lines of one class of a batch, in the order of the file. */
export class Line {
  readonly key: string;
  #tasks: Task[] = [];
  #from = 0;

  constructor(key: string) {
    this.key = key;
  }

  get length(): number {
    return this.#tasks.length - this.#from;
  }

  /** The first that still waits. */
  get head(): Task | undefined {
    while (this.#tasks[this.#from]?.end) this.#from += 1;
    return this.#tasks[this.#from];
  }

  add(task: Task): void {
    this.#tasks.push(task);
  }

  /** Up to so many that still wait. */
  take(jobs: number): Task[] {
    const taken: Task[] = [];
    for (let task = this.head; task && taken.length < jobs; task = this.head) {
      taken.push(task);
      this.#from += 1;
    }
    if (this.#from > 1_024 && this.#from * 2 > this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#from);
      this.#from = 0;
    }
    return taken;
  }
}
