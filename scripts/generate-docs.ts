// Writes the pages that are made from sources: docs/configuration.md (config schema) and docs/errors.md (table of the
// API's errors), and the generated parts of docs/strategies.md. With `--check` only says whether they are up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeConfig } from '@sluice/config';
import { errorsPage } from '../apps/api/src/errors-page.ts';
import { withGenerated } from './strategy-pictures.ts';

const STRATEGIES = 'docs/strategies.md';

const PAGES = [
  { name: 'docs/configuration.md', text: describeConfig(), source: 'the schema' },
  { name: 'docs/errors.md', text: errorsPage(), source: 'the table of errors' },
  { name: STRATEGIES, text: withGenerated(current(pathOf(STRATEGIES))), source: 'the strategies' },
];

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}

function current(target: string): string {
  try {
    return readFileSync(target, 'utf8');
  } catch {
    return '';
  }
}

for (const { name, text, source } of PAGES) {
  const target = pathOf(name);
  if (!process.argv.includes('--check')) {
    writeFileSync(target, text);
  } else if (current(target) !== text) {
    console.error(`${name} does not say what ${source} says: run \`npm run docs\``);
    process.exitCode = 1;
  }
}
