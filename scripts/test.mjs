// `npm test`: installs what is missing, then runs every test, or those whose path contains an argument.
import { availableParallelism } from 'node:os';
import { dataDirOf, give, readEnvironment, root, say } from './setup/environment.mjs';
import { ensurePackages } from './setup/packages.mjs';
import { findOrInstallRedis } from './setup/redis.mjs';
import { runNode } from './setup/run-node.mjs';
import { testFiles } from './setup/test-files.mjs';

const env = { ...process.env };
const missing = ensurePackages({ root, env, say });
if (missing) give(missing);

// Tests start and kill Redis servers of their own: a REDIS_URL is no use to them.
const redis = findOrInstallRedis({ dataDir: dataDirOf(readEnvironment()), env, say });
if ('problem' in redis) give(redis.problem);
env.SLUICE_TEST_REDIS_SERVER = redis.binary;

const wanted = process.argv.slice(2);
const files = testFiles(['packages', 'apps', 'tests']).filter(
  (file) => wanted.length === 0 || wanted.some((part) => file.includes(part)),
);
if (files.length === 0) give(`No test file has ${wanted.join(' or ')} in its path.`);

const concurrency = `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`;
runNode(['--import', 'tsx', '--test', concurrency, ...files], env);
