// What tests and benchmarks need before they run: the packages, and a Redis server to start as they please.
import { dataDirOf, give, readEnvironment, root, say } from './environment.mjs';
import { ensurePackages } from './packages.mjs';
import { findOrInstallRedis } from './redis.mjs';

/** The environment to run them in. They start and kill servers of their own: a REDIS_URL is no use to them. */
export function prepare() {
  const env = { ...process.env };
  const missing = ensurePackages({ root, env, say });
  if (missing) give(missing);
  const redis = findOrInstallRedis({ dataDir: dataDirOf(readEnvironment()), env, say });
  if ('problem' in redis) give(redis.problem);
  env.SLUICE_TEST_REDIS_SERVER = redis.binary;
  return env;
}
