/**
 * `npm run demo`: 1,000 prompts as one batch through a running `npm start`. A third of the way in, one simulated
 * provider fails for ten seconds; the batch goes on through the others.
 */
import { resolve } from 'node:path';
import { givenEnvironment, loadInstallation } from '@sluice/config';
import { runningIn } from '../data-folder.ts';
import type { Launched } from '../data-folder.ts';
import { say } from '../say.ts';
import { runDemo } from './run-demo.ts';

const START_FIRST =
  'No Sluice runs from this folder: start it with `npm start`, then run this in a second terminal.';
const DEMO_ONLY =
  'The demo plays with the simulated providers, and this Sluice runs on a config of your own: SLUICE_CONFIG=demo npm start';

const USAGE = `npm run demo: sends 1,000 prompts as one batch through the demo that \`npm start\` runs, and shows how they go.
It takes no options.`;

const [option] = process.argv.slice(2);
const found = findLaunched();
if (option === '--help' || option === '-h') {
  say(USAGE);
} else if (option !== undefined) {
  process.stderr.write(
    `found ${JSON.stringify(option)}; allowed: no option, or --help\n\n${USAGE}\n`,
  );
  process.exitCode = 2;
} else if (typeof found === 'string') {
  say(found);
  process.exitCode = 1;
} else {
  const problem = await runDemo(found, { say, rewrite: process.stdout.isTTY ? rewrite : null });
  if (problem !== null) {
    say(problem);
    process.exitCode = 1;
  }
}

function findLaunched(): { api: string; simulator: string } | string {
  const launched = running('demo') ?? running(process.env['SLUICE_CONFIG']);
  if (!launched?.ready) return START_FIRST;
  const { api, simulator } = launched;
  return simulator === null ? DEMO_ONLY : { api, simulator };
}

/** What runs from the data folder of that config; undefined = the usual one. */
function running(config: string | undefined): Launched | null {
  const env = givenEnvironment(process.env, { SLUICE_CONFIG: config });
  const read = loadInstallation(env, process.cwd());
  return read.kind === 'ok' ? runningIn(resolve(read.environment.dataDir)) : null;
}

/** Shows a line in place of the one before. */
function rewrite(line: string): void {
  process.stdout.write(`\r\x1b[2K${line.slice(0, (process.stdout.columns ?? 120) - 1)}`);
}
