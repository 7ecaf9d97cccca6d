/** The program of the thread that makes plans: each message is a problem, each answer the plan for it. */
import { parentPort } from 'node:worker_threads';
import { makePlan } from '@sluice/planning';
import type { DrainProblem } from '@sluice/planning';

parentPort?.on('message', ({ turn, problem }: { turn: number; problem: DrainProblem }) => {
  // What is thrown ends the thread; whoever asked hears of that.
  void makePlan(problem).then((planned) => parentPort?.postMessage({ turn, planned }));
});
