/** The program of the thread that makes plans: each message is a problem, each answer the plan for it. */
import { parentPort } from 'node:worker_threads';
import { makePlan } from '@sluice/planning';
import type { DrainProblem } from '@sluice/planning';

// What is thrown ends the thread; whoever asked hears of that.
parentPort?.on('message', (asked: { turn: number; problem: DrainProblem }) => void answer(asked));

async function answer({ turn, problem }: { turn: number; problem: DrainProblem }): Promise<void> {
  const planned = await makePlan(problem);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- To a thread, not to a window.
  parentPort?.postMessage({ turn, planned });
}
