/** Several chaos runs as one: what was counted is added up, what was found wrong is put together. */
import { grouped } from './grouped.ts';
import { broken } from './judge.ts';
import type { Verdict } from './judge.ts';
import type { Recovery } from './recovery.ts';
import type { Outcome } from './run.ts';

/** What runs came to together. */
export interface Sum {
  seeds: number[];
  verdict: Verdict;
  happened: number;
  /** By name. */
  recovery: Recovery[];
}

export function sumOf(outcomes: readonly Outcome[]): Sum {
  const recovery = outcomes.flatMap((one) => one.recovery);
  return {
    seeds: outcomes.map(({ seed }) => seed),
    verdict: outcomes.map(({ verdict }) => verdict).reduce(both),
    happened: recovery.reduce((sum, { times }) => sum + times, 0),
    recovery: [...grouped(recovery, ({ fault }) => fault)]
      .map(([fault, own]) => ({
        fault,
        tried: own.reduce((sum, { tried }) => sum + tried, 0),
        times: own.reduce((sum, { times }) => sum + times, 0),
        newWork: own.flatMap(({ newWork }) => newWork),
        cutOff: own.flatMap(({ cutOff }) => cutOff),
        never: own.reduce((sum, { never }) => sum + never, 0),
      }))
      .toSorted((one, other) => one.fault.localeCompare(other.fault)),
  };
}

/** Every figure of a verdict is a number to add or a list to put behind the other. */
function both(one: Verdict, other: Verdict): Verdict {
  const entries = Object.entries(one).map(([name, value]: [string, number | readonly string[]]) => {
    const more = other[name as keyof Verdict];
    return [
      name,
      typeof value === 'number' ? value + Number(more) : [...value, ...(more as string[])],
    ];
  });
  return Object.fromEntries(entries);
}

/** How soon things must go on after the end of a cause, ms. */
const TARGETS: readonly [fault: string, what: 'newWork' | 'cutOff', mostMs: number][] = [
  ['kill-worker', 'newWork', 15_000],
  ['kill-worker', 'cutOff', 15_000],
  ['kill-leader', 'newWork', 5_000],
  ['redis-away-40s', 'newWork', 5_000],
];

/** The value that the given share of them do not exceed; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? Number.NaN;
}

/** Targets that were missed, and faults after which no new work was answered at all; each a sentence. */
export function tooSlow({ recovery }: Sum): string[] {
  const late = TARGETS.flatMap(([name, what, mostMs]) => {
    const values = recovery.find(({ fault }) => fault === name)?.[what] ?? [];
    const found = percentile(values, 0.99);
    return found > mostMs
      ? [`${name}: ${what} p99 ${(found / 1_000).toFixed(1)} s; at most ${mostMs / 1_000} s`]
      : [];
  });
  const dead = recovery.filter(({ never }) => never > 0);
  return [...late, ...dead.map(({ fault }) => `${fault}: no new work was answered`)];
}

export const isSound = (sum: Sum): boolean =>
  broken(sum.verdict).length === 0 && tooSlow(sum).length === 0;
