/** A step that finds out, wherever it is, that it is to be run again later. */
import type { StepEnd } from './step-ports.ts';

/** Ends the step: no failure. */
export class RunAgain extends Error {
  readonly end: StepEnd;

  constructor(afterMs: number) {
    super(`again in ${afterMs} ms`);
    this.name = 'RunAgain';
    this.end = { kind: 'again', afterMs };
  }
}
