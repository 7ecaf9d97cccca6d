/** How soon things went on after each fault. */
import type { Called, Done } from './book.ts';
import { grouped } from './grouped.ts';
import { resumed } from './judge.ts';

export interface Recovery {
  fault: string;
  /** How often it was tried, and how often it truly happened. */
  tried: number;
  times: number;
  /** From the end of the cause until a new synchronous call was answered, ms. */
  newWork: number[];
  /** From the end of the cause until a call that it had cut off was made again, ms. */
  cutOff: number[];
  /** Never answered again within the time given. */
  never: number;
}

/** Longer than a call's lease and what follows it. */
export const QUIET_MS = 20_000;

/** Whether it was done to certain callers, whose calls are made again when their leases have lapsed. */
export const hitsCallers = ({ happened, touched: { callers } }: Done): boolean =>
  happened && callers !== 'all' && callers.length > 0;

/** Nothing was done to anybody until its calls must have been made again. */
const isQuietAfter = ({ to }: Done, faults: readonly Done[]): boolean =>
  faults.every((other) => other.from <= to || other.from >= to + QUIET_MS);

export function recoveryOf(faults: readonly Done[], calls: readonly Called[]): Recovery[] {
  return [...grouped(faults, ({ name }) => name)].map(([fault, tried]) => {
    const own = tried.filter(({ happened }) => happened);
    return {
      fault,
      tried: tried.length,
      times: own.length,
      newWork: own.flatMap(({ newWorkMs }) => (newWorkMs === null ? [] : [newWorkMs])),
      cutOff: own
        .filter((one) => !hitsCallers(one) || isQuietAfter(one, faults))
        .flatMap((one) => resumed(calls, one)),
      never: own.filter(({ newWorkMs }) => newWorkMs === null).length,
    };
  });
}
