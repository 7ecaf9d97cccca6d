/** What REDIS_URL names: one server, or the master that sentinels know, as ioredis takes it. */
import type { RedisOptions } from 'ioredis';

/** Where sentinels listen unless the address says otherwise. */
const SENTINEL_PORT = 26_379;

/**
 * `redis://…` and `rediss://…` name one server. `redis+sentinel://user:password@h1:p1,h2:p2/master/db` names the master
 * `master` by its sentinels, `rediss+sentinel://` over TLS; user and password are the server's. Throws a TypeError when it is neither.
 */
export function redisAddress(
  url: string,
): { url: string } | { options: Omit<RedisOptions, 'replyMapping'> } {
  const named = /^(rediss?)\+sentinel:\/\/(?:([^@]*)@)?([^/@]+)\/([^/]+)(?:\/(\d+))?$/.exec(url);
  if (named === null) {
    if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return { url };
    throw new TypeError('not an address of a Redis');
  }
  const [, scheme, login = '', hosts = '', name = '', db = '0'] = named;
  const [username = '', ...rest] = login.split(':').map(decodeURIComponent);
  const tls = scheme === 'rediss';
  return {
    options: {
      name,
      db: Number(db),
      sentinels: hosts.split(',').map(sentinelAt),
      ...(username === '' ? {} : { username }),
      ...(rest.length === 0 ? {} : { password: rest.join(':') }),
      ...(tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
      // A connection whose master became a replica, or vanished without a word, must look for the new one.
      sentinelReconnectStrategy: (times) => Math.min(50 * times, 1_000),
      sentinelRetryStrategy: (times) => Math.min(50 * times, 1_000),
      failoverDetector: true,
      // Refused before it wrote anything: asked again at the new master.
      reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    },
  };
}

function sentinelAt(text: string): { host: string; port: number } {
  const parts = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text);
  if (parts === null) throw new TypeError('not an address of a sentinel');
  const [, host = '', port] = parts;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? SENTINEL_PORT) };
}
