/** What REDIS_URL names: one server, the master that sentinels know, or a Cluster, as ioredis takes it. */
import type { RedisOptions } from 'ioredis';
import { SteadySentinels } from './steady-sentinels.ts';

export interface HostPort {
  host: string;
  port: number;
}

/** As answers come by default: the client's types differ with another mapping. */
export type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

export type RedisAddress =
  | { kind: 'server'; url: string }
  /** The master that sentinels know. */
  | { kind: 'sentinels'; options: ConnectionOptions }
  /** Nodes to ask for all others, and what every connection to a node needs. */
  | { kind: 'cluster'; nodes: readonly HostPort[]; options: ConnectionOptions };

/** Where they listen unless the address says otherwise. */
const PORTS = { sentinel: 26_379, cluster: 6_379 } as const;

/**
 * `redis://…` and `rediss://…` name one server. `redis+sentinel://user:password@h1:p1,h2:p2/master/db` names the master
 * `master` by its sentinels, `redis+cluster://user:password@h1:p1,h2:p2` a Cluster by some of its nodes; `rediss+…` is over
 * TLS. User and password are the servers'. Throws a TypeError when it is none of these.
 */
export function redisAddress(url: string): RedisAddress {
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return { kind: 'server', url };
  const named = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^@]*)@)?([^/@]+)(\/.*)?$/.exec(url);
  const [, scheme, kind, login = '', hosts = '', path = ''] = named ?? [];
  const options = { ...loginOf(login), ...(scheme === 'rediss' ? { tls: {} } : {}) };
  const [, name, db = '0'] = /^\/([^/]+)(?:\/(\d+))?$/.exec(path) ?? [];
  if (kind === 'sentinel' && name !== undefined)
    return { kind: 'sentinels', options: throughSentinels({ hosts, name, db }, options) };
  if (kind === 'cluster' && (path === '' || path === '/'))
    return { kind: 'cluster', nodes: hostsIn(hosts, PORTS.cluster), options };
  throw new TypeError('not an address of a Redis');
}

function loginOf(login: string): Pick<RedisOptions, 'username' | 'password'> {
  const [username = '', ...rest] = login.split(':').map(decodeURIComponent);
  return {
    ...(username === '' ? {} : { username }),
    ...(rest.length === 0 ? {} : { password: rest.join(':') }),
  };
}

const throughSentinels = (
  { hosts, name, db }: { hosts: string; name: string; db: string },
  options: ConnectionOptions,
): ConnectionOptions => ({
  ...options,
  name,
  db: Number(db),
  sentinels: hostsIn(hosts, PORTS.sentinel),
  ...(options.tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  // A connection whose master became a replica, or vanished without a word, must look for the new one.
  sentinelReconnectStrategy: (times) => Math.min(50 * times, 1_000),
  sentinelRetryStrategy: (times) => Math.min(50 * times, 1_000),
  failoverDetector: true,
  Connector: SteadySentinels,
  // Refused before it wrote anything: asked again at the new master.
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
});

const hostsIn = (text: string, port: number): HostPort[] =>
  text.split(',').map((one) => hostAt(one, port));

function hostAt(text: string, usual: number): HostPort {
  const parts = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text);
  if (parts === null) throw new TypeError('not an address of a Redis');
  const [, host = '', port] = parts;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? usual) };
}
