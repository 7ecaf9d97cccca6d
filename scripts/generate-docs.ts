// Writes docs/configuration.md from the config schema; with `--check` only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeConfig } from '@sluice/config';

const target = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));
const text = describeConfig();

function current(): string {
  try {
    return readFileSync(target, 'utf8');
  } catch {
    return '';
  }
}

if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
} else if (current() !== text) {
  console.error('docs/configuration.md does not say what the schema says: run `npm run docs`');
  process.exitCode = 1;
}
