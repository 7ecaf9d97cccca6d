/**
 * Connections that can only go where deliveries may go. The check sits between resolving a name and connecting, and
 * the connection is made to the very address that was checked, so a name that changes its answer (DNS rebinding)
 * gains nothing; a check when the URL is submitted could not promise that.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';
import { forbiddenReason, isPermitted } from './address.ts';
import type { Cidr } from './address.ts';

/** All addresses of a host, IPv4 and IPv6. Rejects when there are none. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** Asks the system's resolver (hosts file included). */
export const resolveBySystem: Resolve = (host) => systemLookup(host, { all: true });

/** A connection that was not made because of where it would have gone. */
export class ForbiddenAddressError extends Error {
  override name = 'ForbiddenAddressError';
}

export interface ConnectorOptions {
  allow: readonly Cidr[];
  resolve: Resolve;
  /** For connecting, TLS included, ms. */
  timeoutMs: number;
}

/** A connector for undici. Errors of kind {@link ForbiddenAddressError} mean that nothing was connected. */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  const connectors = new Map(
    ['http:', 'https:'].map((protocol) => [protocol, connectorFor(protocol, options)]),
  );
  return (target, callback) => {
    const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
    // Node does not look up what is an address already.
    if (isIP(host) !== 0 && !isPermitted(host, target.protocol, options.allow)) {
      callback(new ForbiddenAddressError(forbiddenReason(host, target.protocol)), null);
      return;
    }
    const connect = connectors.get(target.protocol) as buildConnector.connector;
    connect(target, callback);
  };
}

function connectorFor(protocol: string, options: ConnectorOptions): buildConnector.connector {
  const permitted = callbackify((host: string) => permittedAddresses(host, protocol, options));
  const lookup: LookupFunction = (host, how, callback) =>
    permitted(host, (error, addresses) => {
      if (error) callback(error, []);
      else if (how.all) callback(null, addresses);
      else callback(null, (addresses[0] as LookupAddress).address, addresses[0]?.family);
    });
  const settings = {
    lookup,
    timeout: options.timeoutMs,
    // Before the next address of a host is tried; Node's 250 ms give up on distant hosts.
    autoSelectFamilyAttemptTimeout: 1_000,
  };
  return buildConnector(settings);
}

/** Of all addresses of a host those that may be connected to; at least one, or it rejects. */
async function permittedAddresses(
  host: string,
  protocol: string,
  { allow, resolve }: ConnectorOptions,
): Promise<LookupAddress[]> {
  const addresses = await resolve(host);
  const permitted = addresses.filter(({ address }) => isPermitted(address, protocol, allow));
  if (permitted.length > 0) return permitted;
  const [first] = addresses;
  if (!first) throw Object.assign(new Error('the host has no address'), { code: 'ENOTFOUND' });
  throw new ForbiddenAddressError(forbiddenReason(first.address, protocol));
}
