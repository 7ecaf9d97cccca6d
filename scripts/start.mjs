// `npm start`: installs what is missing, then launches everything.
import { dataDirOf, give, readEnvironment, root, say } from './setup/environment.mjs';
import { refuseOptions } from './setup/no-options.mjs';
import { ensurePackages } from './setup/packages.mjs';
import { findOrInstallRedis } from './setup/redis.mjs';
import { runNode, withTsx } from './setup/run-node.mjs';

refuseOptions(`npm start: starts Redis, API, dispatcher and workers, and installs what is missing for that; Ctrl-C drains and stops them.
It takes no options. What runs stands in sluice.yaml, or in the file that SLUICE_CONFIG names; without either it is the demo
(SLUICE_CONFIG=demo). PORT, HOST, SLUICE_DATA_DIR and REDIS_URL: docs/configuration.md.`);

const env = readEnvironment();
const missing = ensurePackages({ root, env, say });
if (missing) give(missing);

if (!env.REDIS_URL) {
  const redis = findOrInstallRedis({ dataDir: dataDirOf(env), env, say });
  if ('problem' in redis) give(redis.problem);
  env.SLUICE_REDIS_SERVER = redis.binary;
}
runNode(withTsx('apps/launcher/src/main.ts'), env);
