/**
 * Connections to Redis. What serves people fails fast; what works in the background waits and reconnects. A Cluster's is
 * taken for a Redis like any other: each command goes to the node that has its keys, and names keys of one hash tag only.
 */
import { Cluster, Redis } from 'ioredis';
import type { Command } from 'ioredis';
import { masterOfKey } from './master-of-key.ts';
import { redisAddress } from './redis-address.ts';
import type { ConnectionOptions, HostPort, RedisAddress } from './redis-address.ts';
import { ASK_MS, listenBeforeDropping, SILENCE_MS } from './silence.ts';

export type ConnectionRole = 'serving' | 'large' | 'background' | 'blocking' | 'subscriber';

/** How long a command may take, where somebody waits for it. */
const TIMEOUT_MS: Partial<Record<ConnectionRole, number>> = { serving: 900, large: 20_000 };

/** Reconnect after 50 ms, 100 ms … at most 1 s: the default grows to 20 s and would sleep through a recovery. */
const retryStrategy = (times: number): number => Math.min(50 * times, 1_000);

/** A connection to what REDIS_URL names; see {@link redisAddress}. */
export function openRedis(url: string, options: ConnectionOptions): Redis {
  const address = redisAddress(url);
  if (address.kind === 'server') return listenBeforeDropping(new OneServer(address.url, options));
  const all = { ...address.options, ...options };
  return address.kind === 'cluster'
    ? openCluster(address.nodes, all)
    : listenBeforeDropping(new OneServer(all));
}

/**
 * An answer that is there when the time ends was in time. Timers come before sockets: a process that could not run for as long
 * as a command may take would call Redis away, and refuse all that it was asked, with the answers in hand.
 */
function hearBeforeTimeout(command: Command): void {
  const { reject } = command;
  command.reject = (error) => {
    if (error.message !== 'Command timed out') reject(error);
    else setImmediate(() => command.isSettled || reject(error));
  };
}

/** What ioredis rejects with when a connection broke among the replies to commands that were sent together. */
const CUT_OFF = 'Command aborted due to connection close';

/**
 * ioredis sends again what it has had no reply to when a connection broke, but not the rest of commands that were sent together
 * of which some were answered; and those are whatever was asked for at the same moment. Where commands wait, they are no
 * different. What belongs to a transaction is left out: its beginning is gone.
 */
function sendAgainWhenCutOff(command: Command, send: () => void): void {
  const { reject } = command;
  command.reject = (error) => {
    if (error.message !== CUT_OFF || command.inTransaction) return reject(error);
    delete command.pipelineIndex;
    setImmediate(send);
  };
}

class OneServer extends Redis {
  override sendCommand(command: Command, ...where: unknown[]): unknown {
    if (this.options.commandTimeout !== undefined) hearBeforeTimeout(command);
    else if (command.pipelineIndex !== undefined)
      sendAgainWhenCutOff(command, () => void this.sendCommand(command));
    return super.sendCommand(command, ...(where as []));
  }

  /** BullMQ makes the connection so that its worker blocks on. */
  override duplicate(options: ConnectionOptions = {}): Redis {
    const other = super.duplicate({ socketTimeout: SILENCE_MS.blocking, ...options });
    return listenBeforeDropping(other);
  }
}

/**
 * `serving`: a command fails within 0.9 s when Redis is away, a script within 1.8 s (the client may first ask whether
 * the script is loaded), so that the API answers 503 within 2 s.
 * `large`: as `serving`, with time for texts of tens of megabytes; asked only for what is known to be there.
 * `background`: commands wait for Redis to come back. `blocking` and `subscriber`: connections of their own.
 */
export function connectRedis(url: string, role: ConnectionRole): Redis {
  const commandTimeout = TIMEOUT_MS[role];
  const options: ConnectionOptions = {
    retryStrategy,
    maxRetriesPerRequest: commandTimeout === undefined ? null : 1,
    enableOfflineQueue: true,
    enableAutoPipelining: role === 'serving' || role === 'background',
    // Answers may be large: joined into one string with others' they could exceed what V8 allows, where nobody catches it.
    autoPipeliningIgnoredCommands: ['sluice_store_outcomes'],
    ...(commandTimeout === undefined ? {} : { commandTimeout }),
    connectTimeout: 5_000,
    socketTimeout: SILENCE_MS[role],
  };
  const redis = role === 'subscriber' ? openSubscriber(url, options) : openRedis(url, options);
  redis.on('error', () => {
    // ioredis reconnects by itself; every caller sees its own command fail or wait.
  });
  return redis;
}

/** A command that finds its node away is sent again after 0.1 s: for ever where it has no limit of time, else within it. */
const AGAIN_MS = 100;
/** Its node does not answer, and another says that it is that one's. */
const TRIES_IN_ROUND = 2;
/** A node that was replaced without a word is noticed after so long; trouble makes the client look at once. */
const LOOK_MS = 10_000;

class ClusterOfNodes extends Cluster {
  seeds: readonly HostPort[] = [];

  /** Also while no node is known: the client itself counts only from when a node has the command. */
  override sendCommand(command: Command, ...where: unknown[]): unknown {
    const { commandTimeout } = this.options.redisOptions ?? {};
    if (commandTimeout !== undefined) {
      hearBeforeTimeout(command);
      command.setTimeout(commandTimeout);
    }
    return super.sendCommand(command, ...(where as []));
  }

  /** A connection of its own to the master that has a key. */
  masterOf(key: string, settings: ConnectionOptions = {}): Redis {
    const all = { retryStrategy, ...this.options.redisOptions, ...settings };
    return masterOfKey(this.seeds, all, key);
  }
}

function openCluster(nodes: readonly HostPort[], options: ConnectionOptions): Redis {
  const { commandTimeout, retryStrategy: clusterRetryStrategy, lazyConnect, ...each } = options;
  const rounds = commandTimeout === undefined ? Infinity : Math.ceil(commandTimeout / AGAIN_MS);
  const cluster = new ClusterOfNodes([...nodes], {
    clusterRetryStrategy,
    lazyConnect,
    // Commands joined for one node succeed or fail together, also where a part of its slots has moved.
    enableAutoPipelining: false,
    maxRedirections: TRIES_IN_ROUND * rounds,
    retryDelayOnFailover: AGAIN_MS,
    retryDelayOnClusterDown: AGAIN_MS,
    // Names stay names, as certificates have them.
    dnsLookup: (host, done) => done(null, host),
    redisOptions: { ...each, commandTimeout, enableAutoPipelining: false },
  });
  cluster.seeds = nodes;
  cluster.on('+node', listenBeforeDropping);
  // The client's own `slotsRefreshInterval` goes on after its end.
  const looking = setInterval(() => cluster.refreshSlotsCache(), LOOK_MS).unref();
  cluster.once('end', () => clearInterval(looking));
  return cluster as unknown as Redis;
}

/** What is published at one node of a Cluster is heard at all: listens to one, and to the next when that is away. */
function openSubscriber(url: string, options: ConnectionOptions): Redis {
  const address = redisAddress(url);
  const redis =
    address.kind === 'cluster' ? subscriberOfCluster(address, options) : openRedis(url, options);
  const asking = setInterval(() => {
    // Away it reconnects; what matters is that an answer is owed.
    if (redis.status === 'ready') redis.ping().catch(() => undefined);
  }, ASK_MS).unref();
  redis.once('end', () => clearInterval(asking));
  return redis;
}

function subscriberOfCluster(
  { nodes, options: login }: Extract<RedisAddress, { kind: 'cluster' }>,
  options: ConnectionOptions,
): Redis {
  let at = Math.floor(Math.random() * nodes.length);
  const redis = listenBeforeDropping(new Redis({ ...login, ...options, ...nodes[at] }));
  redis.on('close', () => {
    at = (at + 1) % nodes.length;
    Object.assign(redis.options, nodes[at]);
  });
  return redis;
}

/** The servers behind a connection: one, or the masters of a Cluster that is connected. */
export const serversOf = (redis: Redis): Redis[] =>
  redis.isCluster ? (redis as unknown as Cluster).nodes('master') : [redis];

/** Another connection for what blocks, with other settings; on a Cluster to the master that has the key. */
export function blockingOn(redis: Redis, key: string, settings: ConnectionOptions = {}): Redis {
  const all = {
    maxRetriesPerRequest: null,
    enableAutoPipelining: false,
    retryStrategy,
    commandTimeout: undefined,
    socketTimeout: SILENCE_MS.background,
    ...settings,
  };
  const connection = redis.isCluster
    ? (redis as unknown as ClusterOfNodes).masterOf(key, all)
    : redis.duplicate(all);
  connection.on('error', () => {
    // It reconnects by itself.
  });
  return connection;
}
