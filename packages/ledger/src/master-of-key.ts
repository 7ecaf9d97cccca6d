/**
 * A connection to the master of a Cluster that has a key: a Redis like any other, which looks for that master whenever it
 * connects. For what blocks, and for BullMQ's workers: a Cluster's own connection may never end once its nodes have died.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, Redis } from 'ioredis';
import type { ConnectionOptions, HostPort } from './redis-address.ts';
import { listenBeforeDropping, SILENCE_MS } from './silence.ts';

/** Not oftener than this, ms: while a Cluster is down each answer sends back here. */
const LOOK_EVERY_MS = 250;
/** The key is not there (any more): look again, and ask again. */
const ELSEWHERE = /^(MOVED|ASK|CLUSTERDOWN|UNBLOCKED|READONLY)/;

export function masterOfKey(
  nodes: readonly HostPort[],
  options: ConnectionOptions,
  key: string,
): Redis {
  let lookedAt = 0;
  class ToMaster extends AbstractConnector {
    constructor(given: unknown) {
      super((given as { disconnectTimeout: number }).disconnectTimeout);
    }

    async connect(): Promise<ReturnType<typeof connect>> {
      this.connecting = true;
      const at = await this.#master();
      if (at === null) throw new Error('Connection is closed.');
      const stream = options.tls ? connectTls({ ...at, ...options.tls }) : connect(at);
      this.stream = stream;
      return stream;
    }

    /** Looks until it is known: a client whose connector fails has ended for good. Null = nobody waits for it any more. */
    async #master(): Promise<HostPort | null> {
      for (let at: HostPort | null = null; ;) {
        await sleep(Math.max(0, lookedAt + LOOK_EVERY_MS - Date.now()));
        lookedAt = Date.now();
        if (this.connecting) at = await findMaster(nodes, options, key);
        if (!this.connecting) return null;
        if (at !== null) return at;
      }
    }
  }
  const redis = new Redis({
    ...options,
    socketTimeout: SILENCE_MS.blocking,
    Connector: ToMaster,
    reconnectOnError: (error) => (ELSEWHERE.test(error.message) ? 2 : false),
  });
  redis.on('error', () => {
    // It reconnects by itself.
  });
  return listenBeforeDropping(redis);
}

/** Asks the nodes in turn. Null when none knows. */
async function findMaster(
  nodes: readonly HostPort[],
  { tls, username, password, connectTimeout }: ConnectionOptions,
  key: string,
): Promise<HostPort | null> {
  const from = Math.floor(Math.random() * nodes.length);
  for (const node of [...nodes.slice(from), ...nodes.slice(0, from)]) {
    const login = { tls, username, password, connectTimeout, socketTimeout: SILENCE_MS.serving };
    const asked = new Redis({ ...login, ...node, retryStrategy: null, maxRetriesPerRequest: 0 });
    asked.on('error', () => {
      // The question fails.
    });
    try {
      const slot = await asked.cluster('KEYSLOT', key);
      const ranges = await asked.cluster('SLOTS');
      const own = ranges.find(([first, last]) => first <= slot && slot <= last);
      const [host, port] = own?.[2] ?? [];
      if (port !== undefined) return { host: host || node.host, port };
    } catch {
      // Another may know.
    } finally {
      asked.disconnect();
    }
  }
  return null;
}
