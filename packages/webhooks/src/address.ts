/**
 * Where a delivery may go. Whoever submits a job names the URL, so it must not become a way into our own network:
 * only global unicast addresses, plus the ranges the operator allows. Judged on addresses, never on names.
 */
import { BlockList, isIP } from 'node:net';

/** `10.0.0.0/8`, `fd00::/8`, or a single address. */
export type Cidr = string;

/** IANA's special-purpose registry for IPv4, and cloud endpoints that stand outside of it. */
const SPECIAL_V4: readonly Cidr[] = [
  '0.0.0.0/8', // this network; 0.0.0.0 reaches loopback on Linux
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT; Alibaba's metadata at 100.100.100.200
  '127.0.0.0/8', // loopback
  '168.63.129.16', // Azure's host agent, a public address only by its number
  '169.254.0.0/16', // link-local; metadata of most clouds at 169.254.169.254
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments; Oracle's metadata at 192.0.0.192
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
];

/**
 * Everything outside 2000::/3, the only global unicast space: unspecified, loopback, IPv4-mapped (::ffff:0:0/96),
 * NAT64 (64:ff9b::/96, which leads to any IPv4 address), discard, ULA with AWS's metadata (fd00:ec2::254),
 * link-local, site-local, multicast. Then the special ranges inside it.
 */
const SPECIAL_V6: readonly Cidr[] = [
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23', // protocol assignments, Teredo
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which leads to any IPv4 address
  '3fff::/20', // documentation
];

const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/** Two lists: one BlockList for both would hold every IPv4 address against ::/3, taking it for a mapped one. */
interface Ranges {
  4: BlockList;
  6: BlockList;
}

const SPECIAL = toRanges([...SPECIAL_V4, ...SPECIAL_V6]);

/** Whether `text` is an address or a range in CIDR form. */
function isCidr(text: string): boolean {
  const [address, bits, ...rest] = text.split('/') as [string, ...string[]];
  const version = isIP(address);
  if (version === 0 || address.includes('%') || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width(version));
}

/** Whether nothing may be sent to `ip`: a special address outside `allow`, or no address at all. */
export function isForbidden(ip: string, allow: readonly Cidr[]): boolean {
  const version = isIP(ip);
  if (version !== 4 && version !== 6) return true;
  return !isAllowed(ip, allow) && has(SPECIAL, ip);
}

/** Whether the operator opened `ip`; an IPv4-mapped address counts as the IPv4 address it reaches. Throws on a bad range. */
export function isAllowed(ip: string, allow: readonly Cidr[]): boolean {
  return isIP(ip) !== 0 && has(toRanges(allow), unmapped(ip));
}

export interface UrlRules {
  allow: readonly Cidr[];
  /** Plain http to the ranges of `allow`; everywhere else it takes https. */
  allowHttp: boolean;
}

export type UrlVerdict = { ok: true; url: URL } | { ok: false; reason: string };

/**
 * Judges what can be judged without resolving a name: for submission, and again before each delivery. A host given
 * by name is judged when it is connected to. The WHATWG parser turns odd spellings of addresses (decimal, hex,
 * octal, full-width) into the usual one before they are looked at. Reasons never repeat the URL: it may hold secrets.
 */
export function checkUrl(text: string, rules: UrlRules): UrlVerdict {
  if (!URL.canParse(text)) return refuse('not an absolute URL');
  const url = new URL(text);
  const scheme = checkScheme(url.protocol, rules);
  if (scheme) return refuse(scheme);
  if (url.username || url.password) return refuse('a user name or password in the URL');
  const address = literalAddress(url);
  if (address !== null && !isPermitted(address, url.protocol, rules.allow)) {
    return refuse(forbiddenReason(address, url.protocol));
  }
  return { ok: true, url };
}

/** Whether a connection of this scheme may go to `ip`: plain http only where the operator said so. */
export function isPermitted(ip: string, protocol: string, allow: readonly Cidr[]): boolean {
  return protocol === 'https:' ? !isForbidden(ip, allow) : isAllowed(ip, allow);
}

/** Says why {@link isPermitted} said no. */
export function forbiddenReason(ip: string, protocol: string): string {
  return protocol === 'https:'
    ? `${ip} is not a public address; webhooks.allow does not list it`
    : `http goes only to addresses listed in webhooks.allow, ${ip} is not`;
}

function checkScheme(protocol: string, { allow, allowHttp }: UrlRules): string | null {
  if (protocol === 'https:') return null;
  if (protocol !== 'http:') return `the scheme is ${protocol.slice(0, -1)}, not https`;
  if (!allowHttp) return 'the scheme is http, not https (webhooks.allow_http: true permits it)';
  return allow.length > 0 ? null : 'http goes only to addresses listed in webhooks.allow (none)';
}

const refuse = (reason: string): UrlVerdict => ({ ok: false, reason });

/** The address a URL names literally, without brackets; null when it names a host. */
function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? null : host;
}

function width(version: number): number {
  return version === 4 ? 32 : 128;
}

function toRanges(cidrs: readonly Cidr[]): Ranges {
  const ranges: Ranges = { 4: new BlockList(), 6: new BlockList() };
  for (const cidr of cidrs) {
    if (!isCidr(cidr)) throw new TypeError(`not an address range: ${JSON.stringify(cidr)}`);
    const [address, bits] = cidr.split('/') as [string, string?];
    const version = isIP(address) as 4 | 6;
    ranges[version].addSubnet(address, Number(bits ?? width(version)), `ipv${version}`);
  }
  return ranges;
}

function has(ranges: Ranges, ip: string): boolean {
  const version = isIP(ip) as 4 | 6;
  return ranges[version].check(withoutZone(ip), `ipv${version}`);
}

const withoutZone = (ip: string): string => ip.replace(/%.*$/, '');

/** `::ffff:127.0.0.1`, in any spelling, as `127.0.0.1`. */
function unmapped(ip: string): string {
  if (isIP(ip) !== 6) return ip;
  const canonical = new URL(`http://[${withoutZone(ip)}]/`).hostname.slice(1, -1);
  const match = MAPPED.exec(canonical);
  if (!match) return ip;
  const [high, low] = [match[1], match[2]].map((part) => Number.parseInt(part as string, 16));
  return [high as number, low as number].flatMap((part) => [part >> 8, part & 255]).join('.');
}
