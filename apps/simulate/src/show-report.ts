/** The report for a terminal. */
import type { Percentiles, Report } from '@sluice/simulation';

export function showReport(report: Report): string {
  const { jobs, calls, limited, ideal_ms: ideal } = report;
  const perThousand = calls > 0 ? ((limited / calls) * 1_000).toFixed(2) : '0.00';
  const lines: [string, string][] = [
    ['Drain', `${duration(report.drain_ms)}${againstIdeal(report)}`],
    ['T*', ideal === null ? 'unknown: some pool cannot run its work' : duration(ideal)],
    ['Jobs', `${count(jobs)}, ${endsOf(report)}`],
    ['Calls', `${count(calls)}, of them 429: ${count(limited)} (${perThousand} per 1,000)`],
    ['Wait', percentiles(report.wait_ms)],
    ['Completion', percentiles(report.completion_ms)],
    ['Cost', report.cost_usd === null ? 'unknown: no price' : `$${report.cost_usd.toFixed(4)}`],
  ];
  return [
    ...lines.map(([name, text]) => `${name.padEnd(11)} ${text}`),
    '',
    ...table(
      ['deployment', 'share'],
      Object.entries(report.share).map(([id, share]) => [id, percent(share)]),
    ),
    '',
    ...table(['budget', 'used'], Object.entries(report.utilisation).map(usedOf)),
    '',
    ...table(
      [
        'tenant',
        'jobs',
        'share',
        '÷ its weight’s',
        'wait p50 · p95 · p99',
        'completion p50 · p95 · p99',
      ],
      tenantRows(report),
    ),
    '',
    `Fairness    ${spread(report)}`,
  ].join('\n');
}

type End = 'succeeded' | 'failed' | 'expired';

const sumOf = ({ tenants }: Report, kind: End): number =>
  Object.values(tenants).reduce((total, tenant) => total + tenant[kind], 0);

function againstIdeal(report: Report): string {
  const expired = sumOf(report, 'expired');
  if (expired > 0) return `, and ${count(expired)} jobs were not done by their deadline`;
  return report.ratio === null ? '' : ` = ${report.ratio.toFixed(3)} × T*`;
}

const endsOf = (report: Report): string =>
  (['succeeded', 'failed', 'expired'] as const)
    .map((kind) => `${count(sumOf(report, kind))} ${kind}`)
    .join(', ');

const usedOf = ([id, used]: [string, Record<string, number | undefined>]): string[] => [
  id,
  Object.entries(used)
    .map(([dimension, part]) => `${dimension} ${percent(part ?? 0)}`)
    .join('  '),
];

const tenantRows = ({ tenants }: Report): string[][] =>
  Object.entries(tenants).map(([id, tenant]) => [
    id,
    count(tenant.jobs),
    percent(tenant.share),
    tenant.against_weight?.toFixed(2) ?? '–',
    percentiles(tenant.wait_ms, ''),
    percentiles(tenant.completion_ms, ''),
  ]);

/** How far apart tenants are in what they got for their weight. */
function spread({ tenants }: Report): string {
  const parts = Object.values(tenants).flatMap((tenant) => tenant.against_weight ?? []);
  if (parts.length < 2) return 'no two tenants had jobs waiting at the same time';
  return `while jobs of several tenants waited, each got from ${Math.min(...parts).toFixed(2)} to ${Math.max(...parts).toFixed(2)} times what its weight says`;
}

const percentiles = ({ p50, p95, p99 }: Percentiles, name = 'p50 · p95 · p99: '): string =>
  `${name}${[p50, p95, p99].map((ms) => (ms === null ? '–' : duration(ms))).join(' · ')}`;

const percent = (part: number | null): string =>
  part === null ? '–' : `${(part * 100).toFixed(1)} %`;
const count = (value: number): string => value.toLocaleString('en-US');

/** `850 ms`, `12.6 s`, `12 min 37 s`, `3 h 20 min`, `4 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  const hours = Math.round(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function table(head: string[], rows: string[][]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
