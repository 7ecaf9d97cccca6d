// Fills the generated parts of docs/strategies.md: the settings of each strategy, and what each makes of the same workload.
import { STRATEGY_KINDS, strategyFor } from '@sluice/balancing';
import type { Strategy, StrategyKind } from '@sluice/balancing';
import { DEPLOYMENTS, type Result, runWorkload } from './strategy-workload.ts';

/** The page with its generated parts made anew; all else as it stands. */
export function withGenerated(page: string): string {
  const filled = STRATEGY_KINDS.reduce(
    (text, kind) => fill(text, `settings of ${kind.name}`, settingsTable(kind)),
    page,
  );
  return fill(filled, 'pictures', pictures());
}

/** Replaces what stands between `<!-- name -->` and `<!-- end -->`; a page without the block stays as it is. */
function fill(page: string, name: string, text: string): string {
  const begin = `<!-- ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf('<!-- end -->', from);
  if (from < 0 || to < 0) return page;
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}

function settingsTable({ settings }: StrategyKind): string {
  const rows = settings.map(
    ({ name, allowed, otherwise, does }) =>
      `| \`${name}\` | ${allowed} | ${otherwise === null ? '**required**' : `\`${otherwise}\``} | ${does} |`,
  );
  return ['| setting | allowed | default | meaning |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}

/** As each is drawn: what it needs, and what shows it. */
const SETTINGS: Record<string, Record<string, unknown>> = {
  split: { arms: { us: 60, eu: 30, local: 10 } },
  region: { prefer: ['eu'] },
};

function pictures(): string {
  const drawings = STRATEGY_KINDS.map(({ name }) => {
    const settings = SETTINGS[name] ?? {};
    const strategy = strategyFor({ ...settings, name }) as Strategy;
    return draw([name, describe(settings)].join(' ').trimEnd(), runWorkload(strategy));
  });
  return ['```', ...drawings.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines])), '```'].join(
    '\n',
  );
}

const describe = (settings: Record<string, unknown>): string =>
  Object.keys(settings).length === 0
    ? ''
    : JSON.stringify(settings).replaceAll('"', '').replaceAll(/[:,]/g, '$& ');

const WIDTH = 40;

function draw(title: string, { jobs, seconds, usd, failed }: Result): string[] {
  const all = DEPLOYMENTS.reduce((sum, { id }) => sum + (jobs.get(id) ?? 0), 0);
  const bars = DEPLOYMENTS.map(({ id }) => {
    const part = (jobs.get(id) ?? 0) / all;
    const bar = '█'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '·');
    return `  ${id.padEnd(6)}${bar} ${(100 * part).toFixed(0).padStart(3)} %`;
  });
  const figures = `p50 ${seconds.p50.toFixed(1)} s, p95 ${seconds.p95.toFixed(1)} s, $ ${usd.toFixed(2)}, ${failed} failed`;
  return [title, ...bars, `  ${figures}`];
}
