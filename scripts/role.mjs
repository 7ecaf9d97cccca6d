// `npm run api`, `dispatcher`, `worker`, `simulator`, `demo`: one program. Beside a running `npm start` it finds that one's Redis.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { give, readEnvironment, root, runDirOf, say, setIn } from './setup/environment.mjs';
import { ensurePackages } from './setup/packages.mjs';
import { runNode, withTsx } from './setup/run-node.mjs';

const [entry, ...args] = process.argv.slice(2);
const env = readEnvironment();
const missing = ensurePackages({ root, env, say });
if (missing) give(missing);
if (!env.REDIS_URL) setIn(env, 'REDIS_URL', launchedRedis());
runNode(withTsx(entry, args), env);

/** The launcher notes where its own Redis listens. */
function launchedRedis() {
  try {
    return readFileSync(join(runDirOf(env), 'redis', 'url'), 'utf8').trim();
  } catch {
    return '';
  }
}
