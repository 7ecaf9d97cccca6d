/** Starts everything in order, and takes it all back when something does not come up. */
import { join, relative, resolve } from 'node:path';
import type { Installation } from '@sluice/config';
import { givenEnvironment, refuseOpenAddress } from '@sluice/config';
import { refuseStore } from '@sluice/files';
import { refuseRedis } from '@sluice/ledger';
import { LaunchNote, openDataFolder, readNote, refuseFolder, runningIn } from './data-folder.ts';
import type { DataFolder, Launched } from './data-folder.ts';
import { endLeftovers } from './leftovers.ts';
import { Logs } from './logs.ts';
import { OwnRedis } from './own-redis.ts';
import { freePort, refusePort } from './ports.ts';
import { Role } from './role.ts';
import { screen } from './screen.ts';
import type { StopSignals } from './stop-signals.ts';

/** A drain takes at most as long as the longest call may, and this, ms. Who presses Ctrl-C again does not wait. */
const DRAIN_BEYOND_CALLS_MS = 10_000;

export interface LaunchOptions {
  /** The project's folder. */
  folder: string;
  env: NodeJS.ProcessEnv;
  stop: StopSignals;
  /** Whether a person reads along: logs then go to files. */
  terminal: boolean;
  /** Tells that person something. */
  say: (text: string) => void;
  /** Arguments of node for a role; tests put a stand-in here. */
  programOf?: (role: string) => string[];
}

export type LaunchResult =
  | { kind: 'refused'; reason: string }
  | { kind: 'launched'; screen: string; stop: () => Promise<void> };

/** What is running so far, in the order of its start. */
interface Running {
  folder: DataFolder;
  note: LaunchNote;
  /** What a launcher before left here when it was killed. */
  before: Launched | null;
  logs: Logs;
  redis: OwnRedis | null;
  redisUrl: string;
  simulator: Role | null;
  simulatorUrl: string | null;
  roles: Role[];
}

export async function launch(
  installation: Installation,
  options: LaunchOptions,
): Promise<LaunchResult> {
  const reason = await refuseLaunch(installation, options);
  if (reason !== null) return { kind: 'refused', reason };
  const { environment } = installation;
  const path = resolve(options.folder, environment.dataDir);
  const before = readNote(path);
  const claimed = claimFolder(path, environment);
  if ('reason' in claimed) return { kind: 'refused', reason: claimed.reason };
  const { folder, note } = claimed;
  const running: Running = {
    folder,
    note,
    before,
    logs: new Logs(options.terminal ? folder.logs : null),
    redis: null,
    redisUrl: '',
    simulator: null,
    simulatorUrl: null,
    roles: [],
  };
  const stop = (): Promise<void> => stopAll(running, installation, options.stop);
  for (const step of [checkStore, startRedis, startSimulator, startRoles]) {
    const failure = options.stop.isAsked()
      ? 'Stopped.'
      : await step(running, installation, options);
    if (failure === null) continue;
    await stop();
    return { kind: 'refused', reason: failure };
  }
  return { kind: 'launched', screen: show(installation, options), stop };
}

type Claimed = { folder: DataFolder; note: LaunchNote } | { reason: string };

function claimFolder(path: string, { host, port }: Installation['environment']): Claimed {
  try {
    const folder = openDataFolder(path);
    const note = LaunchNote.claim(path, `http://${host}:${port}`);
    return note === null ? { reason: refuseSecond(path, port) } : { folder, note };
  } catch (error) {
    return { reason: refuseFolder(path, error) };
  }
}

async function refuseLaunch(
  installation: Installation,
  options: LaunchOptions,
): Promise<string | null> {
  const { environment, tenants } = installation;
  const path = resolve(options.folder, environment.dataDir);
  if (runningIn(path)) return refuseSecond(path, environment.port);
  return (
    refuseOpenAddress(environment, tenants) ??
    (await endRolesBefore(path, installation, options)) ??
    (await refusePort(environment.host, environment.port))
  );
}

function refuseSecond(path: string, port: number): string {
  const other = runningIn(path);
  const stop = other === null ? 'another start was faster' : `${other.api} (process ${other.pid})`;
  const end = other === null ? '' : ` To end that one: Ctrl-C where it runs, or kill ${other.pid}.`;
  return `Sluice runs already from ${path}: ${stop}.${end} For a second one: SLUICE_DATA_DIR=.sluice-2 PORT=${port + 1} npm start`;
}

/** Those of a launcher that was killed, all but its Redis: that one ends when they have. */
async function endRolesBefore(
  path: string,
  installation: Installation,
  { say, stop }: LaunchOptions,
): Promise<string | null> {
  const { redis: _, ...roles } = readNote(path)?.children ?? {};
  return endLeftovers(roles, { say, limit: drainLimit(installation, stop) });
}

function drainLimit({ fleet }: Pick<Installation, 'fleet'>, { force }: StopSignals): AbortSignal {
  const longest = Math.max(0, ...[...fleet.deployments.values()].map((one) => one.timeoutMs));
  return AbortSignal.any([force, AbortSignal.timeout(longest + DRAIN_BEYOND_CALLS_MS)]);
}

/** Before anything runs: a bucket that cannot be written would fail the first upload. */
const checkStore = (
  { folder }: Running,
  { config }: Installation,
): Promise<string | null> | null =>
  config.files.store === 'local' ? null : refuseStore(config.files, join(folder.path, 'files'));

async function startRedis(
  running: Running,
  { environment }: Installation,
  { env, say }: LaunchOptions,
): Promise<string | null> {
  if (environment.redisUrl !== null) {
    running.redisUrl = environment.redisUrl;
    return refuseRedis(environment.redisUrl);
  }
  try {
    running.redis = await OwnRedis.start({
      binary: env['SLUICE_REDIS_SERVER'] ?? 'redis-server',
      folder: running.folder.redis,
      log: running.logs.of('redis'),
      announce: say,
      started: (pid) => running.note.started('redis', pid),
      before: running.before?.children['redis'] ?? null,
    });
  } catch (error) {
    return `${(error as Error).message}${running.logs.tail('redis')}`;
  }
  running.redisUrl = running.redis.url;
  return refuseRedis(running.redisUrl);
}

/** Only the demo has one. */
async function startSimulator(
  running: Running,
  installation: Installation,
  options: LaunchOptions,
): Promise<string | null> {
  if (installation.source !== 'demo') return null;
  const at = { HOST: '127.0.0.1', PORT: String(await freePort()) };
  running.simulator = roleOf('simulator', running, options, at);
  running.simulatorUrl = `http://${at.HOST}:${at.PORT}`;
  return startAll([running.simulator], running.logs);
}

async function startRoles(
  running: Running,
  { source }: Installation,
  options: LaunchOptions,
): Promise<string | null> {
  const env = {
    REDIS_URL: running.redisUrl,
    SLUICE_CONFIG: source === 'demo' ? 'demo' : resolve(options.folder, source),
    SLUICE_DATA_DIR: running.folder.path,
    ...(running.simulatorUrl === null ? {} : { SLUICE_SIMULATOR_URL: running.simulatorUrl }),
  };
  running.roles = ['api', 'dispatcher', 'worker'].map((name) =>
    roleOf(name, running, options, env),
  );
  const failure = await startAll(running.roles, running.logs);
  if (failure === null) running.note.ready(running.simulatorUrl);
  return failure;
}

/** A role must not outlive a launcher that was killed: it could not be stopped from any terminal. */
const LEASH = './apps/launcher/src/end-with-launcher.mjs';

const program = (role: string): string[] => [
  '--import',
  LEASH,
  '--import',
  'tsx',
  `apps/${role}/src/main.ts`,
];

function roleOf(
  name: string,
  running: Running,
  { folder, env, say, programOf = program }: LaunchOptions,
  more: NodeJS.ProcessEnv,
): Role {
  return new Role({
    name,
    args: programOf(name),
    cwd: folder,
    env: givenEnvironment(env, more),
    log: running.logs.of(name),
    announce: say,
    started: (pid) => running.note.started(name, pid),
  });
}

/** All at once; the first failure with the end of that role's log. */
async function startAll(roles: Role[], logs: Logs): Promise<string | null> {
  const failures = await Promise.all(
    roles.map((role) =>
      role.start().then(
        () => null,
        (error: Error) => `${error.message}${logs.tail(role.name)}`,
      ),
    ),
  );
  return failures.find((failure) => failure !== null) ?? null;
}

/** Those who work first, then who answers their calls, then who keeps their state. */
async function stopAll(
  running: Running,
  installation: Installation,
  stop: StopSignals,
): Promise<void> {
  const limit = drainLimit(installation, stop);
  await Promise.all(running.roles.map((role) => role.stop(limit)));
  await running.simulator?.stop(limit);
  await running.redis?.stop();
  running.logs.close();
  running.note.forget();
}

/** Where the children's logs go to the same place, the API's has the warnings. */
function show(installation: Installation, { folder, terminal }: LaunchOptions): string {
  const { fleet, source, environment, tenants, warnings } = installation;
  return screen({
    fleet,
    source: source === 'demo' ? source : relative(folder, resolve(folder, source)),
    host: environment.host,
    port: environment.port,
    tenants: tenants.length > 0,
    warnings: terminal ? warnings : [],
  });
}
