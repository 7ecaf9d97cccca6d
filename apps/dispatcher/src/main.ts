/** The dispatcher process: records outcomes and delivers webhooks always, places work while it leads. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadForRole } from '@sluice/config';
import { refuseUnfit } from '@sluice/ledger';
import { runRole } from '@sluice/role';
import { startDispatcher } from './dispatcher.ts';
import { dispatcherEvents } from './events.ts';

await runRole(async () => {
  const installation = loadForRole(process.env, process.cwd());
  if (installation.kind === 'invalid') return { refused: installation.report };
  const { environment, redisUrl } = installation;
  const refused = await refuseUnfit(redisUrl);
  if (refused !== null) return { refused };
  return startDispatcher({
    installation,
    redisUrl,
    filesFolder: join(environment.dataDir, 'files'),
    holder: randomUUID(),
    readConfig: () => loadForRole(process.env, process.cwd()),
    events: dispatcherEvents(pino({ level: environment.logLevel, name: 'dispatcher' })),
  });
});
