/** Webhook URLs that try to reach our own network, in the spellings that have fooled checks before. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { oddText, pick } from './garble.ts';
import type { Random } from './garble.ts';

const HOSTS: readonly string[] = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '0x7f.0.0x1',
  '127.0.0.1.',
  '１２７.0.0.1',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:10.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[fe80::1%25eth0]',
  '[fd00:ec2::254]',
  '169.254.169.254',
  '0xa9fea9fe',
  '100.100.100.200',
  '10.1.2.3',
  '192.168.1.1',
  '172.31.255.255',
  '0.0.0.0',
  '0',
  '255.255.255.255',
  '224.0.0.1',
  'localhost',
  'LOCALHOST.',
  'example.com',
  '93.184.216.34',
  '8.8.8.8',
  '[2606:4700::1111]',
  '',
  'a'.repeat(300),
];

const SCHEMES = ['https', 'https', 'https', 'http', 'HTTPS', 'ftp', 'file', 'gopher', 'javascript'];

export function hostileUrl(random: Random): string {
  if (random() < 0.1) return oddText(random);
  const user = pick(random, ['', '', '', '', 'u:p@', 'example.com@', '8.8.8.8%2f@']);
  const port = pick(random, ['', '', ':443', ':6379', ':0', ':65536', ':-1']);
  const slashes = pick(random, ['://', '://', '://', ':/', ':\\\\', '://\t']);
  return `${pick(random, SCHEMES)}${slashes}${user}${pick(random, HOSTS)}${port}/${pick(random, ['hook', '../', '?a=b', '#x'])}`;
}

/**
 * The special address that a URL names, or null: it names a host or a public one. Judged by another library than ours,
 * over the same parser that a client would use.
 */
export function specialAddress(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const host = new URL(text).hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0) return null;
  return ipaddr.process(host).range() === 'unicast' ? null : host;
}
