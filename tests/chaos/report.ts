/** Chaos runs as text. */
import { broken } from './judge.ts';
import type { Recovery } from './recovery.ts';
import { percentile, tooSlow } from './sum.ts';
import type { Sum } from './sum.ts';

const MOST_SHOWN = 40;

export function reportOf(sum: Sum): string {
  const { verdict, recovery, seeds, happened } = sum;
  const rows: [string, number | string][] = [
    ['single jobs accepted', verdict.accepted],
    ['batch lines accepted', verdict.lines],
    ['faults', happened],
    ['sound requests refused', verdict.refused.length],
    ['accepted and lost', verdict.lost.length],
    ['recorded twice', verdict.twice.length],
    ['batches with lines missing or doubled', verdict.linesWrong.length],
    ['counters that do not add up', verdict.countersWrong.length],
    ['budgets overspent', verdict.overspent.length],
    ['webhooks missing', verdict.webhooksMissing.length],
    ['provider calls', verdict.calls],
    ['of them beyond the first of a job', verdict.extraCalls],
    ['of those not explained by a fault', verdict.unexplained.length],
  ];
  return [
    `| ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')} | |`,
    '| --- | ---: |',
    ...rows.map(([what, count]) => `| ${what} | ${count} |`),
    '',
    '| fault | times | new work answered after, p50 · p99 s | calls it cut off made again after, p50 · p99 s (calls) |',
    '| --- | ---: | ---: | ---: |',
    ...recovery.map(rowOf),
    '',
    ...conclusion(sum),
  ].join('\n');
}

function conclusion(sum: Sum): string[] {
  const wrong = broken(sum.verdict);
  const late = tooSlow(sum);
  return [
    ...wrong.slice(0, MOST_SHOWN).map((one) => `✗ ${one}`),
    wrong.length === 0 ? '✓ every promise was kept' : `✗ ${wrong.length} broken promises`,
    ...late.map((one) => `✗ too slow: ${one}`),
    ...(late.length === 0 ? ['✓ everything went on in time'] : []),
  ];
}

function rowOf({ fault, tried, times, newWork, cutOff, never }: Recovery): string {
  const missed = tried === times ? '' : ` (of ${tried} tried)`;
  const late = never === 0 ? '' : ` (${never} never)`;
  const calls = cutOff.length === 0 ? '' : ` (${cutOff.length})`;
  return `| ${fault} | ${times}${missed} | ${spread(newWork)}${late} | ${spread(cutOff)}${calls} |`;
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const at = (share: number): string => (percentile(values, share) / 1_000).toFixed(1);
  return `${at(0.5)} · ${at(0.99)}`;
}
