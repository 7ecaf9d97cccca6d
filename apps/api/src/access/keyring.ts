/** Who calls, by their key. Keys are compared as SHA-256 in constant time; where they came from is never logged. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Tenant } from '@sluice/job';
import { isLoopback } from '@sluice/config';
import type { Settings } from '@sluice/config';
import { refuse } from '../errors.ts';
import type { Caller } from '../http/message.ts';

interface Key {
  hash: Buffer;
  caller: Caller;
}

/** The one tenant of an installation without API keys. */
const OPEN_CALLER: Caller = { id: 'default', pools: null };
const ADMIN_CALLER: Caller = { id: 'admin', pools: null };

export class Keyring {
  #tenants: Key[] = [];
  #admins: Key[] = [];
  readonly #allowOpen: boolean;

  constructor(tenants: readonly Tenant[], admin: Settings['admin'], allowOpen: boolean) {
    this.#allowOpen = allowOpen;
    this.use(tenants, admin);
  }

  /** Goes by these keys from the next request on. */
  use(tenants: readonly Tenant[], admin: Settings['admin']): void {
    this.#tenants = tenants.flatMap((tenant) => keysOf(tenant.keyHashes, tenant));
    this.#admins = keysOf(admin.keyHashes, ADMIN_CALLER);
  }

  /** Who may use /v1. Throws 401, or 403 where a web page calls an open installation. */
  tenantOf(headers: IncomingHttpHeaders): Caller {
    if (this.#tenants.length === 0) return this.#openCaller(headers);
    return callerOf(this.#tenants, presentedKey(headers, false));
  }

  /** Who may use /admin and /metrics. */
  adminOf(headers: IncomingHttpHeaders, path: string): Caller {
    if (this.#admins.length > 0) return callerOf(this.#admins, presentedKey(headers, true), true);
    if (this.#tenants.length > 0) refuse('admin_closed', { values: { path } });
    this.#openCaller(headers);
    return ADMIN_CALLER;
  }

  /**
   * Without keys the only guard is that nobody but this machine reaches the port. A browser on it could be made to:
   * by another site's page, or by a name that was made to resolve to loopback (DNS rebinding).
   */
  #openCaller(headers: IncomingHttpHeaders): Caller {
    const site = headers['sec-fetch-site'];
    if (site === 'cross-site' || site === 'same-site') {
      refuse('forbidden_origin', {
        values: { found: `a request of another site's page`, allowed: 'pages of this server' },
      });
    }
    if (!this.#allowOpen && !isLocalHost(headers.host)) {
      refuse('forbidden_origin', {
        values: {
          found: `host ${JSON.stringify(headers.host ?? '')}`,
          allowed: 'a loopback address',
        },
      });
    }
    return OPEN_CALLER;
  }
}

const keysOf = (hashes: readonly string[], { id, pools }: Caller): Key[] =>
  hashes.map((hash) => ({
    hash: Buffer.from(hash.slice('sha256:'.length), 'hex'),
    caller: { id, pools },
  }));

const isLocalHost = (host: string | undefined): boolean =>
  host !== undefined && isLoopback(host.replace(/:\d+$/, ''));

/** Looks at every key, so that the time taken says nothing about which one came close. */
function callerOf(keys: readonly Key[], presented: string | null, basic = false): Caller {
  const challenge = basic ? { 'www-authenticate': 'Basic realm="sluice", charset="UTF-8"' } : {};
  if (presented === null) {
    return refuse('invalid_api_key', {
      values: { reason: 'No API key was sent.' },
      headers: challenge,
    });
  }
  const hash = createHash('sha256').update(presented).digest();
  let found: Caller | null = null;
  for (const key of keys) if (timingSafeEqual(key.hash, hash)) found = key.caller;
  return (
    found ??
    refuse('invalid_api_key', {
      values: { reason: 'The API key is not one of ours.' },
      headers: challenge,
    })
  );
}

/** OpenAI's clients send Bearer, Anthropic's either, browsers Basic with the key as password. */
function presentedKey(headers: IncomingHttpHeaders, basic: boolean): string | null {
  const [, scheme = '', credentials = ''] =
    /^(\S+) +(\S+) *$/.exec(headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return credentials;
  if (basic && scheme.toLowerCase() === 'basic') {
    const pair = Buffer.from(credentials, 'base64').toString('utf8');
    return pair.slice(pair.indexOf(':') + 1);
  }
  const header = headers['x-api-key'];
  return typeof header === 'string' && header !== '' ? header : null;
}
