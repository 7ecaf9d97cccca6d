/** The API as a process: environment, config, connections, listening, stopping. The only file here that acts when loaded. */
import { join } from 'node:path';
import { loadForRole, refuseOpenAddress } from '@sluice/config';
import { storeMark } from '@sluice/files';
import { guardFiles, refuseUnfit } from '@sluice/ledger';
import { endSaying, runRole } from '@sluice/role';
import type { Refused, Running } from '@sluice/role';
import pino from 'pino';
import { apiEvents } from './events.ts';
import { startApi } from './start-api.ts';

/** Requests under way get this long when the process is told to stop. */
const GRACE_MS = 20_000;

const readConfig = () => loadForRole(process.env, process.cwd());

async function start(): Promise<Running | Refused> {
  const installation = readConfig();
  if (installation.kind === 'invalid') return { refused: installation.report };
  const { environment, tenants, warnings, redisUrl } = installation;
  const { prefix, dataDir } = environment;
  const store = storeMark(installation.config.files, join(dataDir, 'files'));
  const refused =
    refuseOpenAddress(environment, tenants) ??
    (await refuseUnfit(redisUrl)) ??
    (await guardFiles({ redisUrl, prefix, store, end: endSaying }));
  if (refused !== null) return { refused };
  const log = pino({ level: environment.logLevel, name: 'api' });
  for (const warning of warnings) apiEvents(log).configWarning({ warning });
  const { host, port, stop, reload } = await startApi({ ...installation, readConfig }, log);
  return { reload, stop: () => stop(GRACE_MS), ready: { host, port } };
}

await runRole(() => start().catch(refusalOf));

function refusalOf(error: unknown): Refused {
  const { code, message } = error as { code?: string; message?: string };
  const taken = code === 'EADDRINUSE';
  return {
    refused: taken ? `${message}: the port is taken; choose another with PORT=8081` : String(error),
  };
}
