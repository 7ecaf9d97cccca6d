/** A worker process: `npm run worker -- --deployments a,b` for some deployments, without it for all. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { loadForRole } from '@sluice/config';
import type { Fleet } from '@sluice/job';
import { storeMark } from '@sluice/files';
import { guardFiles, refuseUnfit } from '@sluice/ledger';
import { endSaying, runRole } from '@sluice/role';
import { workerEvents } from './events.ts';
import { startWorker } from './worker.ts';

await runRole(async () => {
  const { values } = parseArgs({ options: { deployments: { type: 'string' } } });
  const installation = loadForRole(process.env, process.cwd());
  if (installation.kind === 'invalid') return { refused: installation.report };
  const { environment, config, fleet, redisUrl } = installation;
  const { prefix } = environment;
  const filesFolder = join(environment.dataDir, 'files');
  const store = storeMark(config.files, filesFolder);
  const deployments = values.deployments?.split(',').map((id) => id.trim()) ?? null;
  const refused =
    unknownAmong(deployments ?? [], fleet) ??
    (await refuseUnfit(redisUrl)) ??
    (await guardFiles({ redisUrl, prefix, store, end: endSaying }));
  if (refused !== null) return { refused };
  return startWorker({
    installation,
    redisUrl,
    filesFolder,
    deployments,
    readConfig: () => loadForRole(process.env, process.cwd()),
    events: workerEvents(pino({ level: environment.logLevel, name: 'worker' })),
  });
});

function unknownAmong(deployments: readonly string[], fleet: Fleet): string | null {
  const known = new Set([...fleet.deployments.values()].flatMap(({ id, name }) => [id, name]));
  const unknown = deployments.filter((id) => !known.has(id));
  if (unknown.length === 0) return null;
  return `--deployments: unknown ${unknown.join(', ')}; there are ${[...known].join(', ')}`;
}
