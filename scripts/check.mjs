// `npm run check`: everything that judges the sources without starting them, in parallel, in a few seconds.
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { give, readEnvironment, root, say } from './setup/environment.mjs';
import { ensurePackages } from './setup/packages.mjs';
import { testFiles } from './setup/test-files.mjs';

const PURE = [
  'job',
  'balancing',
  'budget',
  'fairness',
  'planning',
  'prediction',
  'retry',
  'routing',
  'windows',
].map((name) => `packages/${name}`);

/** What each check runs, and what to do when it fails. */
const CHECKS = [
  { name: 'format', run: ['npx', 'oxfmt', '--check'], fix: 'npx oxfmt' },
  {
    name: 'lint',
    run: ['npx', 'oxlint', '--type-aware'],
    fix: 'npx oxlint --type-aware --fix, then by hand',
  },
  { name: 'types', run: ['npx', 'tsc', '-p', 'tsconfig.json'], fix: 'by hand' },
  { name: 'unused', run: ['npx', 'knip'], fix: 'remove what nobody uses, or name it in knip.json' },
  {
    name: 'docs',
    run: ['node', '--import', 'tsx', 'scripts/generate-docs.ts', '--check'],
    fix: 'npm run docs',
  },
  {
    name: 'audit',
    run: ['node', 'scripts/audit.mjs'],
    fix: 'by hand: another version, or do without',
  },
  {
    name: 'layers',
    run: testCommand(['tests/architecture.test.ts']),
    fix: 'by hand; the layers are in CONTRIBUTING.md',
  },
  {
    name: 'policy',
    // Speed tests measure: they belong to `npm test`, not beside a compiler on the same cores.
    run: testCommand(
      testFiles([...PURE, 'packages/config']).filter((file) => !file.includes('.speed.')),
    ),
    fix: 'npm test -- <file>',
  },
];

const env = readEnvironment();
const missing = ensurePackages({ root, env, say });
if (missing) give(missing);

const started = performance.now();
const results = await Promise.all(CHECKS.map(check));
const failed = results.filter(({ ok }) => !ok);
for (const { name, output, fix } of failed) console.log(`\n── ${name}\n${output.trim()}\n→ ${fix}`);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
const summary = results.map(({ name, ok }) => `${ok ? '✓' : '✗'} ${name}`).join('  ');
console.log(`${failed.length > 0 ? '\n' : ''}${summary}  (${seconds} s)`);
process.exitCode = failed.length > 0 ? 1 : 0;

function testCommand(files) {
  const seed = process.env.SLUICE_TEST_SEED
    ? ['--import', './scripts/setup/property-seed.mjs']
    : [];
  return ['node', '--import', 'tsx', ...seed, '--test', '--test-reporter=dot', ...files];
}

function check({ name, run: [command, ...args], fix }) {
  const found =
    command === 'npx'
      ? [`node_modules/.bin/${args[0]}`, ...args.slice(1)]
      : [process.execPath, ...args];
  return new Promise((resolve) => {
    const child = spawn(found[0], found.slice(1), { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (output += text));
    child.on('error', (error) => resolve({ name, ok: false, output: error.message, fix }));
    child.on('close', (code) => resolve({ name, ok: code === 0, output, fix }));
  });
}
