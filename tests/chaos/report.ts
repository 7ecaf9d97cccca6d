/** A chaos run as text. */
import { broken } from './judge.ts';
import type { Outcome, Recovery } from './run.ts';

const MOST_SHOWN = 40;

export function reportOf({ verdict, recovery, seed, faults }: Outcome): string {
  const rows: [string, number | string][] = [
    ['single jobs accepted', verdict.accepted],
    ['batch lines accepted', verdict.lines],
    ['faults', faults.length],
    ['sound requests refused', verdict.refused.length],
    ['accepted and lost', verdict.lost.length],
    ['recorded twice', verdict.twice.length],
    ['batches with lines missing or doubled', verdict.linesWrong.length],
    ['counters that do not add up', verdict.countersWrong.length],
    ['budgets overspent', verdict.overspent.length],
    ['webhooks missing', verdict.webhooksMissing.length],
    ['provider calls', verdict.calls],
    ['of them beyond the first of a job', verdict.extraCalls],
    ['of those not explained by a failure or a fault', verdict.unexplained.length],
  ];
  const wrong = broken(verdict);
  return [
    `| seed ${seed} | |`,
    '| --- | ---: |',
    ...rows.map(([what, count]) => `| ${what} | ${count} |`),
    '',
    '| fault | times | new work answered after, p50 · p99 s | calls it cut off made again after, p50 · p99 s (calls) |',
    '| --- | ---: | ---: | ---: |',
    ...recovery.toSorted((a, b) => a.fault.localeCompare(b.fault)).map(rowOf),
    '',
    ...wrong.slice(0, MOST_SHOWN).map((one) => `✗ ${one}`),
    wrong.length === 0 ? '✓ every promise was kept' : `✗ ${wrong.length} broken promises`,
  ].join('\n');
}

function rowOf({ fault, times, newWork, cutOff, never }: Recovery): string {
  const late = never === 0 ? '' : ` (${never} never)`;
  return `| ${fault} | ${times} | ${spread(newWork)}${late} | ${spread(cutOff)}${cutOff.length ? ` (${cutOff.length})` : ''} |`;
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    ((sorted[Math.ceil(share * sorted.length) - 1] as number) / 1_000).toFixed(1);
  return `${at(0.5)} · ${at(0.99)}`;
}
