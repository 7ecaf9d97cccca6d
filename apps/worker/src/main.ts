/** A worker process: `npm run worker -- --deployments a,b` for some deployments, without it for all. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { loadInstallation } from '@sluice/config';
import { workerEvents } from './events.ts';
import { startWorker } from './worker.ts';

const { values } = parseArgs({ options: { deployments: { type: 'string' } } });
const installation = loadInstallation(process.env, process.cwd());
if (installation.kind === 'invalid') {
  process.stderr.write(`${installation.report}\n`);
  process.exit(1);
}
const { environment, fleet } = installation;
if (environment.redisUrl === null) {
  process.stderr.write(
    'REDIS_URL is not set: set it, or use `npm start`, which runs its own Redis\n',
  );
  process.exit(1);
}
const deployments = values.deployments?.split(',').map((id) => id.trim()) ?? null;
const known = [...fleet.deployments.values()].flatMap(({ id, name }) => [id, name]);
const unknown = deployments?.filter((id) => !known.includes(id)) ?? [];
if (unknown.length > 0) {
  process.stderr.write(
    `--deployments: unknown ${unknown.join(', ')}; there are ${[...new Set(known)].join(', ')}\n`,
  );
  process.exit(1);
}

const worker = await startWorker({
  installation,
  redisUrl: environment.redisUrl,
  filesFolder: join(environment.dataDir, 'files'),
  deployments,
  events: workerEvents(pino({ level: environment.logLevel, name: 'worker' })),
});
process.send?.({ type: 'ready' });

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await worker.stop();
  // A connection that never finished closing must not keep the process.
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
process.on('disconnect', () => void stop());
process.on('message', (message: { type?: string }) => {
  if (message.type === 'stop') void stop();
});
