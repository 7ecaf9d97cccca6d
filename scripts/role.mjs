// `npm run api`, `dispatcher`, `worker`, `simulator`, `demo`: one program. Beside a running `npm start` it finds that one's
// Redis and, of the demo, the simulated providers.
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
const simulator = env.SLUICE_SIMULATOR_URL ? null : launchedSimulator();
if (simulator) setIn(env, 'SLUICE_SIMULATOR_URL', simulator);
runNode(withTsx(entry, args), env);

/** The launcher notes where its own Redis listens. */
function launchedRedis() {
  try {
    return readFileSync(join(runDirOf(env), 'redis', 'url'), 'utf8').trim();
  } catch {
    return '';
  }
}

/** As the demo's launcher notes it when all is up (apps/launcher, data-folder.ts); null with a config of one's own. */
function launchedSimulator() {
  try {
    const note = JSON.parse(readFileSync(join(runDirOf(env), 'launched.json'), 'utf8'));
    process.kill(note.pid, 0); // Throws where it does not run any more.
    return note.simulator;
  } catch {
    return null;
  }
}
