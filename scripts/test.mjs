// `npm test`: installs what is missing, then runs every test, or those whose path contains an argument.
import { availableParallelism } from 'node:os';
import { give } from './setup/environment.mjs';
import { prepare } from './setup/prepare.mjs';
import { runNode } from './setup/run-node.mjs';
import { testFiles } from './setup/test-files.mjs';

const env = prepare();
const wanted = process.argv.slice(2);
const files = testFiles(['packages', 'apps', 'tests']).filter(
  (file) => wanted.length === 0 || wanted.some((part) => file.includes(part)),
);
if (files.length === 0) give(`No test file has ${wanted.join(' or ')} in its path.`);

// The longest file takes three minutes on a crowded machine: one that hangs is ended and named, and the others go on.
const limit = '--test-timeout=900000';
const concurrency = `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`;
const seed = env.SLUICE_TEST_SEED ? ['--import', './scripts/setup/property-seed.mjs'] : [];
runNode(
  ['--import', 'tsx', ...seed, '--test', '--test-reporter=spec', limit, concurrency, ...files],
  env,
);
