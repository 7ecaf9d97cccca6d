/** The dispatcher process: records outcomes and delivers webhooks always, places work while it leads. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadInstallation } from '@sluice/config';
import { startDispatcher } from './dispatcher.ts';
import { dispatcherEvents } from './events.ts';

const installation = loadInstallation(process.env, process.cwd());
if (installation.kind === 'invalid') {
  process.stderr.write(`${installation.report}\n`);
  process.exit(1);
}
const { environment } = installation;
if (environment.redisUrl === null) {
  process.stderr.write(
    'REDIS_URL is not set: set it, or use `npm start`, which runs its own Redis\n',
  );
  process.exit(1);
}

const log = pino({ level: environment.logLevel, name: 'dispatcher' });
const dispatcher = await startDispatcher({
  installation,
  redisUrl: environment.redisUrl,
  filesFolder: join(environment.dataDir, 'files'),
  holder: randomUUID(),
  events: dispatcherEvents(log),
});
process.send?.({ type: 'ready' });

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await dispatcher.stop();
  // A connection that never finished closing must not keep the process.
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
process.on('disconnect', () => void stop());
process.on('message', (message: { type?: string }) => {
  if (message.type === 'stop') void stop();
});
