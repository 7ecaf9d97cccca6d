/** All that the doctor looks at, in order: config, Redis, then every deployment by one smallest call. */
import { loadInstallation } from '@sluice/config';
import type { Installation } from '@sluice/config';
import { createCaller } from '@sluice/providers';
import { checkBookings } from './check-bookings.ts';
import { checkDeployment } from './check-deployment.ts';
import { checkSameFiles, checkStore } from './check-store.ts';
import { checkRedis } from './check-redis.ts';
import { good, warning, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

export interface Examination {
  env: Record<string, string | undefined>;
  /** Where `.env` and `sluice.yaml` are looked for. */
  folder: string;
  /** Whether providers are called, which costs a little. */
  calls: boolean;
  timeoutMs: number;
}

/** Never rejects. */
export async function examine({ env, folder, calls, timeoutMs }: Examination): Promise<Finding[]> {
  const installation = loadInstallation(env, folder);
  if (installation.kind === 'invalid')
    return [
      wrong('config', installation.report, 'mend what is listed; nothing else was looked at'),
    ];
  const { environment, fleet, config, source, warnings } = installation;
  const size = `${fleet.deployments.size} deployments, ${fleet.pools.size} pools`;
  return [
    good('config', `${source}: ${size}`),
    ...warnings.map((one) => warning('config', one, 'change it, or leave it if it is meant')),
    ...(await checkRedis(environment.redisUrl)),
    ...(await checkStore(config.files, environment.dataDir)),
    ...(await checkSameFiles(installation)),
    ...(await checkBookings({ ...environment, fleet })),
    ...(calls ? await callAll(installation, timeoutMs) : []),
  ];
}

async function callAll(installation: Installation, timeoutMs: number): Promise<Finding[]> {
  const { fleet, source } = installation;
  if (source === 'demo' && !(await isDemoThere(installation, timeoutMs))) return [NO_DEMO];
  const caller = createCaller();
  const ports = { fleet, caller, timeoutMs };
  const checks = [...fleet.deployments.values()].map((one) => checkDeployment(ports, one));
  const findings = await Promise.all(checks);
  await caller.close();
  return findings.flat();
}

const NO_DEMO = good(
  'demo',
  'its providers are simulated and do not run now: `npm start` starts them; there is nothing to call',
);

/** All of the demo's providers are one process, which ends with it. */
async function isDemoThere({ fleet }: Installation, timeoutMs: number): Promise<boolean> {
  const [first] = fleet.deployments.values();
  const asked = fetch(first?.provider.baseUrl ?? '', { signal: AbortSignal.timeout(timeoutMs) });
  return asked.then(
    async ({ body }) => {
      await body?.cancel();
      return true;
    },
    () => false,
  );
}
