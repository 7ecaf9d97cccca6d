/**
 * Makes plans on a thread of its own: a deadline that bites takes the solver tenths of a second, in which the leader is to
 * go on placing. The thread is kept, for loading the solver takes longer than using it; one that died, or that does not
 * answer in time, is replaced by the next problem. Whatever goes wrong is a plan that failed: then room alone decides.
 */
import { Worker } from 'node:worker_threads';
import type { DrainProblem, Planned } from '@sluice/planning';

/** A thread loads no TypeScript by itself on Node 20. */
const LOAD = `
const { workerData } = require('node:worker_threads');
import(workerData.tsx).then(({ register }) => {
  register();
  return import(workerData.program);
});
`;

/** The solver gives up by itself sooner, unless the machine has no time for it. A plan this old is none. */
const ANSWER_WITHIN_MS = 10_000;

export interface SolverThreadOptions {
  answerWithinMs?: number;
  /** What runs on the thread. */
  program?: URL;
}

interface Asked {
  turn: number;
  answer: (planned: Planned) => void;
}

export class SolverThread {
  readonly #options: Required<SolverThreadOptions>;
  #thread: Worker | null = null;
  #asked: Asked | null = null;
  #turn = 0;
  #closed = false;

  constructor(options: SolverThreadOptions = {}) {
    const program = new URL('./solve-plans.ts', import.meta.url);
    this.#options = { answerWithinMs: ANSWER_WITHIN_MS, program, ...options };
  }

  /** Starts the thread, so that the first problem need not wait for it. */
  start(): void {
    if (!this.#closed) this.#thread ??= this.#open();
  }

  /** One problem at a time. */
  solve(problem: DrainProblem): Promise<Planned> {
    this.start();
    const thread = this.#thread;
    if (thread === null || this.#asked !== null) return Promise.resolve(failed('is not there'));
    const turn = (this.#turn += 1);
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#end(thread, 'did not answer in time'),
        this.#options.answerWithinMs,
      );
      const answer = (planned: Planned): void => {
        clearTimeout(timer);
        this.#asked = null;
        resolve(planned);
      };
      this.#asked = { turn, answer };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- To a thread, not to a window.
      thread.postMessage({ turn, problem });
    });
  }

  #open(): Worker {
    const { program } = this.#options;
    const thread = new Worker(LOAD, {
      eval: true,
      // How the process was started does not concern the thread.
      execArgv: [],
      workerData: { tsx: import.meta.resolve('tsx/esm/api'), program: program.href },
    });
    thread.on('message', ({ turn, planned }: { turn: number; planned: Planned }) => {
      if (this.#asked?.turn === turn) this.#asked.answer(planned);
    });
    thread.on('error', (error) => this.#end(thread, `ended: ${error.message}`));
    thread.on('exit', () => this.#end(thread, 'ended'));
    // Alone it keeps no process alive.
    thread.unref();
    return thread;
  }

  /** The thread is no more, or not to be. */
  #end(thread: Worker, how: string): void {
    if (this.#thread !== thread) return;
    this.#thread = null;
    void thread.terminate();
    this.#asked?.answer(failed(how));
  }

  /** Ends the thread; what it was asked has failed. */
  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    if (thread === null) return;
    this.#end(thread, 'was closed');
    await thread.terminate();
  }
}

const failed = (how: string): Planned => ({
  kind: 'failed',
  reason: `the thread that makes plans ${how}`,
});

/** Problems of several who ask at once, each when the one before is solved, or could not be. */
export function oneByOne(
  solve: (problem: DrainProblem) => Promise<Planned>,
): (problem: DrainProblem) => Promise<Planned> {
  let before: Promise<unknown> = Promise.resolve();
  return (problem) => {
    const turn = (): Promise<Planned> => solve(problem);
    const own = before.then(turn, turn);
    before = own;
    return own;
  };
}
