/** Builds the API and listens; `stop` lets requests under way end within a limit. main.ts and the tests start it the same way. */
import { Admission } from '@sluice/admission';
import { KNOWN_WINDOW } from '@sluice/budget';
import { refuseOpenAddress, takeLive, usageRules } from '@sluice/config';
import type { Installation } from '@sluice/config';
import { LiveControl } from '@sluice/control';
import type { Applied, ReadConfig } from '@sluice/control';
import { openStore } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { RedisClock, Watch, connectRedis, openLedger } from '@sluice/ledger';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { Keyring } from './access/keyring.ts';
import type { Redis } from 'ioredis';
import type { Api } from './api.ts';
import { openBoard } from './board.ts';
import { apiEvents } from './events.ts';
import type { ApiEvents } from './events.ts';
import { LiveFigures } from './figures.ts';
import { startHousekeeping } from './housekeeping.ts';
import { Connections } from './http/connections.ts';
import { untilNobodyConnects } from './http/last-callers.ts';
import { answerExpectations } from './http/expectations.ts';
import { makeHttpServer } from './http/http-server.ts';
import { answerStalled, makeServer } from './http/server.ts';
import { endStalledBodies } from './http/stalled-bodies.ts';
import { JobReads } from './job-reads.ts';
import { LineReads } from './line-reads.ts';
import { RecordedLines } from './recorded-lines.ts';
import { addLiveMetrics, makeMetrics } from './metrics.ts';
import { describeRoutes } from './openapi.ts';
import { QueueDoor } from './queue-door.ts';
import { ROUTES } from './routes.ts';
import { tellOrphans } from './tell-orphans.ts';

export interface Running {
  host: string;
  port: number;
  /** Reads the config anew, here and in all other processes. */
  reload: () => Promise<unknown>;
  /** Takes nothing new, gives what is under way `graceMs` to end, then closes everything it opened. */
  stop: (graceMs: number) => Promise<void>;
}

export type Setup = Installation & {
  redisUrl: string;
  /** For a reload; absent: there is nothing to read anew. */
  readConfig?: ReadConfig<Installation>;
};

const BOARD_PATH = '/admin/queues';

/** Rejects when the address cannot be listened on. */
export async function startApi(setup: Setup, log: Logger): Promise<Running> {
  const stopping = new AbortController();
  const keyring = new Keyring(setup.tenants, setup.config.admin, setup.environment.allowOpen);
  const store = await openStore(setup.config.files, {
    folder: join(setup.environment.dataDir, 'files'),
    patience: 'serving',
  });
  const { api, close } = openApi(setup, { log, keyring, store, stopping: stopping.signal });
  const { host, port } = setup.environment;
  const board = openBoard(BOARD_PATH, api);
  const server = makeHttpServer(makeServer({ api, keyring, board, boardPath: BOARD_PATH }));
  const connections = new Connections(server);
  const idleMs = setup.config.server.bodyIdleMs;
  endStalledBodies(server, idleMs, (response) => answerStalled(response, idleMs));
  answerExpectations(server, () => api.settings.server);
  // What is asked at once has its times by it too.
  await api.clock.start();
  api.startedAt = api.clock.now();
  try {
    await listen(server, host, port);
  } catch (error) {
    await close();
    throw error;
  }
  await api.control.start();
  startHousekeeping(api, stopping.signal);
  void tellOrphans(api);
  const { port: actual } = server.address() as AddressInfo;
  api.events.started({ host, port: actual, config: setup.source });
  const stop = async (graceMs: number): Promise<void> => {
    await closeServer(server, { api, connections, stopping, graceMs });
    await close();
    api.events.stopped();
  };
  return { host, port: actual, stop, reload: () => reload(api) };
}

interface Around {
  log: Logger;
  keyring: Keyring;
  store: FileStore;
  stopping: AbortSignal;
}

function openApi(
  setup: Setup,
  { log, keyring, store, stopping }: Around,
): { api: Api; close: () => Promise<void> } {
  const { prefix, allowOpen } = setup.environment;
  const redis = connectRedis(setup.redisUrl, 'serving');
  const large = connectRedis(setup.redisUrl, 'large');
  const ledger = openLedger(redis, prefix, { large, usage: usageRules(setup.config) });
  const watch = new Watch(connectRedis(setup.redisUrl, 'subscriber'), ledger.keys);
  // Redis may still be away: the subscription follows when it comes.
  void watch.start().catch(() => undefined);
  const events = apiEvents(log);
  const clock = new RedisClock({ redis, events });
  const queues = new QueueDoor(connectRedis(setup.redisUrl, 'background'), prefix, events);
  const pacing = { ...KNOWN_WINDOW, share: setup.config.admission.utilisation };
  const admission = new Admission({ redis, prefix, fleet: setup.fleet, pacing });
  const figures = new LiveFigures({ admission, ledger, queues, fleet: setup.fleet });
  const registry = new Registry();
  const metrics = makeMetrics(registry);
  addLiveMetrics(registry, figures);
  const { fleet, tenants, config: settings } = setup;
  const control = controlOf(setup, { redis, events }, (applied) => {
    admission.useFleet(fleet);
    figures.forgetLimits();
    takeConfig(setup, { api, keyring }, applied);
  });
  const api: Api = {
    fleet,
    tenants,
    settings,
    allowOpen,
    control,
    ledger,
    reads: new JobReads(ledger),
    lines: new LineReads(ledger),
    recorded: new RecordedLines(ledger, store),
    queues,
    watch,
    store,
    figures,
    events,
    metrics,
    registry,
    stopping,
    clock,
    startedAt: clock.now(),
    needsRestart: [],
    description: describeRoutes(ROUTES),
  };
  const close = async (): Promise<void> => {
    clock.stop();
    control.close();
    await queues.close();
    admission.close();
    watch.close();
    redis.disconnect();
    large.disconnect();
    await store.close();
  };
  return { api, close };
}

function controlOf(
  setup: Setup,
  { redis, events }: { redis: Redis; events: ApiEvents },
  onApplied: (applied: Applied<Installation>) => void,
): LiveControl<Installation> {
  return new LiveControl({
    redis,
    subscriber: connectRedis(setup.redisUrl, 'subscriber'),
    prefix: setup.environment.prefix,
    fleet: setup.fleet,
    readConfig: checkedBy(setup),
    onApplied,
    onInvalid: (report) => events.configInvalid({ report }),
  });
}

/** A config without keys must not open an address that others reach: what is refused at a start is refused here. */
function checkedBy(setup: Setup): ReadConfig<Installation> {
  return () => {
    const fresh = setup.readConfig?.() ?? { kind: 'ok', ...setup };
    if (fresh.kind === 'invalid') return fresh;
    const report = refuseOpenAddress(setup.environment, fresh.tenants);
    return report === null ? fresh : { kind: 'invalid', report };
  };
}

/** Tenants, keys and routes of a config that was read anew. */
function takeConfig(
  setup: Setup,
  { api, keyring }: { api: Api; keyring: Keyring },
  { change, config }: Applied<Installation>,
): void {
  if (config === null) return;
  api.needsRestart = takeLive(setup, config);
  api.tenants = setup.tenants;
  keyring.use(setup.tenants, setup.config.admin);
  api.events.configTaken({ ...change, needs_restart: [...api.needsRestart] });
}

/** For who asks by a signal: the log says what came of it. */
async function reload({ control, events }: Api): Promise<void> {
  const result = await control.reload();
  if (result.kind === 'invalid') events.configInvalid({ report: result.report });
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

interface Closing {
  api: Api;
  connections: Connections;
  stopping: AbortController;
  graceMs: number;
}

async function closeServer(
  server: Server,
  { api, connections, stopping, graceMs }: Closing,
): Promise<void> {
  const count = await new Promise<number>((resolve) =>
    server.getConnections((_, open) => resolve(open)),
  );
  api.events.stopping({ connections: count });
  // Streams, long polls and waiting calls end now; answers that are being made get their time.
  connections.end();
  stopping.abort();
  await untilNobodyConnects(server);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const ended = await Promise.race([closed.then(() => true), after(graceMs)]);
  if (!ended) server.closeAllConnections();
  await closed;
}

const after = (ms: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());
