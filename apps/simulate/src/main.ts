/** `npm run -s simulate`: when will it be done, what will it cost, what if a key is added; nothing is sent anywhere. */
import { formatMistakes, loadConfig, loadInstallation, readVariables } from '@sluice/config';
import { readArguments, USAGE } from './arguments.ts';
import { assumptionsOf, showAssumptions } from './assumptions.ts';
import { buildScenario } from './build-scenario.ts';
import type { Installed } from './build-scenario.ts';
import { capHints } from './cap-hints.ts';
import { checkStrategy } from './check-strategy.ts';
import { InputMistake } from './mistake.ts';
import { progressLine } from './show-progress.ts';
import { showReport } from './show-report.ts';
import { simulate } from './simulate.ts';

async function main(argv: readonly string[]): Promise<void> {
  const args = readArguments(argv);
  if (args === 'help') return say(USAGE);
  const { workloads, seed, strategy, charsPerToken } = args;
  const installed = install(args.config);
  if (strategy !== null) checkStrategy(strategy, installed.fleet);
  const chosen = {
    ...(strategy !== null && { strategy }),
    ...(charsPerToken !== null && { charsPerToken }),
  };
  const scenario = await buildScenario(installed, { workloads, seed, ...chosen });
  const progress = progressLine(process.stderr);
  const report = await simulate(scenario, progress.show);
  const assumed = assumptionsOf(installed, scenario, { workloads, charsPerToken });
  const hints = capHints(scenario.fleet, scenario.jobs);
  progress.clear();
  say(
    args.json
      ? JSON.stringify({ ...report, assumed, hints }, null, 2)
      : [`${showReport(report)}\n\n${showAssumptions(assumed)}`, ...hints].join('\n\n'),
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function install(path: string | null): Installed {
  const folder = process.cwd();
  if (path === null) {
    const found = loadInstallation(process.env, folder);
    if (found.kind === 'invalid') throw new InputMistake(found.report);
    return found;
  }
  const { env, files } = readVariables(process.env, folder, path);
  const loaded = loadConfig({ source: { path }, env, envFiles: files });
  if (loaded.kind === 'invalid') throw new InputMistake(formatMistakes(loaded.mistakes, path));
  return loaded;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.exitCode = 1;
  if (!(error instanceof InputMistake)) throw error;
  process.stderr.write(`${error.message}\n`);
});
