/** The dispatcher process: records outcomes and delivers webhooks always, places work while it leads. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadForRole } from '@sluice/config';
import { storeMark } from '@sluice/files';
import { guardFiles, refuseUnfit } from '@sluice/ledger';
import { endSaying, runRole } from '@sluice/role';
import { startDispatcher } from './dispatcher.ts';
import { dispatcherEvents } from './events.ts';

await runRole(async () => {
  const installation = loadForRole(process.env, process.cwd());
  if (installation.kind === 'invalid') return { refused: installation.report };
  const { environment, config, redisUrl } = installation;
  const { prefix } = environment;
  const filesFolder = join(environment.dataDir, 'files');
  const store = storeMark(config.files, filesFolder);
  const refused =
    (await refuseUnfit(redisUrl)) ??
    (await guardFiles({ redisUrl, prefix, store, end: endSaying }));
  if (refused !== null) return { refused };
  return startDispatcher({
    installation,
    redisUrl,
    filesFolder,
    holder: randomUUID(),
    readConfig: () => loadForRole(process.env, process.cwd()),
    events: dispatcherEvents(pino({ level: environment.logLevel, name: 'dispatcher' })),
  });
});
