// `npm start`: installs what is missing, then launches everything.
import { dataDirOf, give, readEnvironment, root, say } from './setup/environment.mjs';
import { ensurePackages } from './setup/packages.mjs';
import { findOrInstallRedis } from './setup/redis.mjs';
import { runNode, withTsx } from './setup/run-node.mjs';

const env = readEnvironment();
const missing = ensurePackages({ root, env, say });
if (missing) give(missing);

if (!env.REDIS_URL) {
  const redis = findOrInstallRedis({ dataDir: dataDirOf(env), env, say });
  if ('problem' in redis) give(redis.problem);
  env.SLUICE_REDIS_SERVER = redis.binary;
}
runNode(withTsx('apps/launcher/src/main.ts'), env);
