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

/** The one tenant of an installation without API keys; whoever is on this machine is its administrator as well. */
const OPEN_CALLER: Caller = { id: 'default', pools: null, everyTenant: true };
const ADMIN_CALLER: Caller = { id: 'admin', pools: null, everyTenant: true };

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
    this.#tenants = tenants.flatMap(({ keyHashes, id, pools }) => keysOf(keyHashes, { id, pools }));
    this.#admins = keysOf(admin.keyHashes, ADMIN_CALLER);
  }

  /**
   * Who may use /v1: a tenant; for what `creates` nothing also the admin. Throws 401, or 403 where the key is of the
   * other kind or a web page calls an open installation.
   */
  tenantOf(headers: IncomingHttpHeaders, creates: boolean): Caller {
    if (this.#tenants.length === 0) return this.#openCaller(headers);
    const hash = hashOfKey(presentedKey(headers, false));
    const tenant = holderOf(this.#tenants, hash);
    const admin = holderOf(this.#admins, hash);
    if (tenant !== null) return tenant;
    if (admin === null) return refuseKey();
    if (!creates) return admin;
    return refuse('tenant_key_needed');
  }

  /** Who may use /admin and /metrics. */
  adminOf(headers: IncomingHttpHeaders, path: string): Caller {
    if (this.#admins.length > 0) return this.#adminByKey(headers, path);
    if (this.#tenants.length > 0) refuse('admin_closed', { values: { path } });
    this.#openCaller(headers);
    return ADMIN_CALLER;
  }

  /** A browser that was given the wrong password asks for another: it gets 401. */
  #adminByKey(headers: IncomingHttpHeaders, path: string): Caller {
    const hash = hashOfKey(presentedKey(headers, true), BASIC);
    const admin = holderOf(this.#admins, hash);
    const tenant = holderOf(this.#tenants, hash);
    if (admin !== null) return admin;
    if (tenant === null || isBasic(headers)) return refuseKey(BASIC);
    return refuse('admin_key_needed', { values: { path } });
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

const keysOf = (hashes: readonly string[], caller: Caller): Key[] =>
  hashes.map((hash) => ({ hash: Buffer.from(hash.slice('sha256:'.length), 'hex'), caller }));

const isLocalHost = (host: string | undefined): boolean =>
  host !== undefined && isLoopback(host.replace(/:\d+$/, ''));

const BASIC = { 'www-authenticate': 'Basic realm="sluice", charset="UTF-8"' };

const refuseKey = (headers: Record<string, string> = {}): never =>
  refuse('invalid_api_key', { values: { reason: 'The API key is not one of ours.' }, headers });

/** Throws 401 where none was sent. */
function hashOfKey(presented: string | null, headers: Record<string, string> = {}): Buffer {
  const values = { reason: 'No API key was sent.' };
  if (presented === null) return refuse('invalid_api_key', { values, headers });
  return createHash('sha256').update(presented).digest();
}

/** Looks at every key, so that the time taken says nothing about which one came close. */
function holderOf(keys: readonly Key[], hash: Buffer): Caller | null {
  let found: Caller | null = null;
  for (const key of keys) if (timingSafeEqual(key.hash, hash)) found = key.caller;
  return found;
}

const isBasic = ({ authorization = '' }: IncomingHttpHeaders): boolean =>
  /^basic /i.test(authorization);

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
