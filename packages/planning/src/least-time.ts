/**
 * The linear program of the least time, where some limits are spoken for at first. One that opens after A is not used at all; one
 * that opens before gives what comes from then on. So there is a program for each moment at which one opens, with those closed that
 * open later, and A no sooner than it. All their answers are possible, and the least of them is the least there is: that of the
 * first program whose answer comes before the next limit opens, which is found by halving. Without such limits it is one program.
 */
import { type Arc, type Limit, type Limits, opensMs } from './limits.ts';
import { type LinearProgram, linearProgram } from './linear-program.ts';
import { solve } from './solver.ts';
import type { Solution } from './solver.ts';

export type LeastTime =
  | {
      kind: 'optimal';
      solution: Extract<Solution, { kind: 'optimal' }>;
      program: LinearProgram;
      /** A, ms. */
      waitMs: number;
    }
  | Exclude<Solution, { kind: 'optimal' }>;

/** Of A: a moment at which a limit opens is found with that of rounding. */
const ROUNDING = 1e-9;
const NOBODY: ReadonlySet<string> = new Set();

/** `paced`: see {@link linearProgram}. */
export async function leastTime(
  limits: Limits,
  paced: ReadonlySet<string> = NOBODY,
): Promise<LeastTime> {
  const opens = [...new Set([0, ...limits.arcs.map(({ fromMs }) => fromMs)])].toSorted(
    (a, b) => a - b,
  );
  let [first, last] = [0, opens.length - 1];
  let best: LeastTime | null = null;
  while (first < last) {
    const middle = Math.floor((first + last) / 2);
    const found = await solvedFrom(limits, opens[middle] as number, paced);
    if (found.kind === 'failed') return found;
    const nextMs = opens[middle + 1] as number;
    if (found.kind === 'optimal' && found.waitMs <= nextMs * (1 + ROUNDING))
      [last, best] = [middle, found];
    else first = middle + 1;
  }
  return best ?? solvedFrom(limits, opens[first] as number, paced);
}

async function solvedFrom(
  limits: Limits,
  fromMs: number,
  paced: ReadonlySet<string>,
): Promise<LeastTime> {
  const { arcs } = limits;
  const program = linearProgram(
    {
      ...limits,
      leastMs: Math.max(limits.leastMs, fromMs),
      limits: limits.limits.map((limit) => (isClosed(arcs, limit, fromMs) ? closed(limit) : limit)),
    },
    paced,
  );
  const solution = await solve(program.model);
  if (solution.kind !== 'optimal') return solution;
  const waitMs = Math.max(0, solution.columns[arcs.length] as number) * program.unitMs;
  return { kind: 'optimal', solution, program, waitMs };
}

/** Whether none of those that use it may start by then. */
const isClosed = (arcs: readonly Arc[], limit: Limit, atMs: number): boolean =>
  opensMs(limit) > 0 && limit.uses.every(({ arc }) => (arcs[arc] as Arc).fromMs > atMs);

const closed = (limit: Limit): Limit => ({ ...limit, start: 0, perMs: 0 });
