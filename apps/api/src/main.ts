/** The API as a process: environment, config, connections, listening, stopping. The only file here that acts when loaded. */
import { loadInstallation, refuseOpenAddress } from '@sluice/config';
import pino from 'pino';
import { apiEvents } from './events.ts';
import { startApi } from './start-api.ts';

/** Requests under way get this long when the process is told to stop. */
const GRACE_MS = 20_000;

async function main(): Promise<void> {
  const installation = loadInstallation(process.env, process.cwd());
  if (installation.kind === 'invalid') return fail(installation.report);
  const { environment, tenants, warnings } = installation;
  const refused = refuseOpenAddress(environment, tenants);
  if (refused !== null) return fail(refused);
  const { redisUrl } = environment;
  if (redisUrl === null) return fail('REDIS_URL is not set: `npm start` runs a Redis of its own');
  const log = pino({ level: environment.logLevel, name: 'api' });
  for (const warning of warnings) apiEvents(log).configWarning({ warning });
  const running = await startApi({ ...installation, redisUrl }, log);
  process.send?.({ type: 'ready', host: running.host, port: running.port });
  let stopping = false;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stopping) return;
      stopping = true;
      void running.stop(GRACE_MS).then(() => process.exit(0));
    });
  }
}

function fail(report: string): void {
  process.stderr.write(`${report}\n`);
  process.exitCode = 1;
}

main().catch((error: unknown) => {
  const { code, message } = error as { code?: string; message?: string };
  const taken = code === 'EADDRINUSE';
  fail(taken ? `${message}: the port is taken; choose another with PORT=8081` : String(error));
});
