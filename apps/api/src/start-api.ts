/** Builds the API and listens; `stop` lets requests under way end within a limit. main.ts and the tests start it the same way. */
import { Admission } from '@sluice/admission';
import type { Installation } from '@sluice/config';
import { localStore } from '@sluice/files';
import { Watch, connectRedis, openLedger } from '@sluice/ledger';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { Keyring } from './access/keyring.ts';
import type { Api } from './api.ts';
import { openBoard } from './board.ts';
import { apiEvents } from './events.ts';
import { LiveFigures } from './figures.ts';
import { startHousekeeping } from './housekeeping.ts';
import { Connections } from './http/connections.ts';
import { makeServer } from './http/server.ts';
import { addLiveMetrics, makeMetrics } from './metrics.ts';
import { describeRoutes } from './openapi.ts';
import { QueueDoor } from './queue-door.ts';
import { ROUTES } from './routes.ts';
import { tellOrphans } from './tell-orphans.ts';

export interface Running {
  host: string;
  port: number;
  /** Takes nothing new, gives what is under way `graceMs` to end, then closes everything it opened. */
  stop: (graceMs: number) => Promise<void>;
}

export type Setup = Pick<
  Installation,
  'config' | 'fleet' | 'tenants' | 'environment' | 'source'
> & {
  redisUrl: string;
};

const BOARD_PATH = '/admin/queues';

/** Rejects when the address cannot be listened on. */
export async function startApi(setup: Setup, log: Logger): Promise<Running> {
  const stopping = new AbortController();
  const { api, close } = openApi(setup, { log, stopping: stopping.signal });
  const { host, port } = setup.environment;
  const board = openBoard(BOARD_PATH, api);
  const keyring = new Keyring(setup.tenants, setup.config.admin, setup.environment.allowOpen);
  const server = createServer(makeServer({ api, keyring, board, boardPath: BOARD_PATH }));
  const connections = new Connections(server);
  // A large upload may take long; a client that sends nothing at all may not.
  server.requestTimeout = 0;
  server.headersTimeout = 30_000;
  server.keepAliveTimeout = 65_000;
  try {
    await listen(server, host, port);
  } catch (error) {
    await close();
    throw error;
  }
  startHousekeeping(api, stopping.signal);
  void tellOrphans(api);
  const { port: actual } = server.address() as AddressInfo;
  api.events.started({ host, port: actual, config: setup.source });
  const stop = async (graceMs: number): Promise<void> => {
    await closeServer(server, { api, connections, stopping, graceMs });
    await close();
    api.events.stopped();
  };
  return { host, port: actual, stop };
}

interface Around {
  log: Logger;
  stopping: AbortSignal;
}

function openApi(
  setup: Setup,
  { log, stopping }: Around,
): { api: Api; close: () => Promise<void> } {
  const { prefix, dataDir, allowOpen } = setup.environment;
  const redis = connectRedis(setup.redisUrl, 'serving');
  const ledger = openLedger(redis, prefix);
  const watch = new Watch(connectRedis(setup.redisUrl, 'subscriber'), ledger.keys);
  // Redis may still be away: the subscription follows when it comes.
  void watch.start().catch(() => undefined);
  const events = apiEvents(log);
  const queues = new QueueDoor(connectRedis(setup.redisUrl, 'background'), prefix, events);
  const store = localStore(join(dataDir, 'files'));
  const admission = new Admission({ redis, prefix, fleet: setup.fleet });
  const figures = new LiveFigures({ admission, ledger, queues, fleet: setup.fleet });
  const registry = new Registry();
  const metrics = makeMetrics(registry);
  addLiveMetrics(registry, figures);
  const { fleet, tenants, config: settings } = setup;
  const api: Api = {
    fleet,
    tenants,
    settings,
    allowOpen,
    ledger,
    queues,
    watch,
    store,
    figures,
    events,
    metrics,
    registry,
    stopping,
    startedAt: Date.now(),
    description: describeRoutes(ROUTES),
  };
  const close = async (): Promise<void> => {
    await queues.close();
    admission.close();
    watch.close();
    redis.disconnect();
    await store.close();
  };
  return { api, close };
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
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const count = await new Promise<number>((resolve) =>
    server.getConnections((_, open) => resolve(open)),
  );
  api.events.stopping({ connections: count });
  // Streams, long polls and waiting calls end now; answers that are being made get their time.
  connections.end();
  stopping.abort();
  const ended = await Promise.race([closed.then(() => true), after(graceMs)]);
  if (!ended) server.closeAllConnections();
  await closed;
}

const after = (ms: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());
