import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { checkUrl, isAllowed, isForbidden } from './address.ts';

const FORBIDDEN = {
  'this network': ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fdff::1'],
  'carrier-grade NAT': ['100.64.0.1', '100.127.255.255'],
  'link-local': ['169.254.0.1', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'fec0::1'],
  metadata: ['169.254.169.254', '100.100.100.200', '192.0.0.192', '168.63.129.16', 'fd00:ec2::254'],
  'protocols and documentation': [
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '100::1',
    '2001:db8::1',
    '3fff::1',
    '2001::1',
    '2001:2::1',
  ],
  'multicast, broadcast, reserved': [
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '4000::1',
    'e000::1',
  ],
  'IPv4 inside IPv6': [
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '2002:7f00:1::',
  ],
  'no address': ['', 'localhost', '127.1', '0x7f000001', '127.0.0.1.', '[::1]', '1.2.3.4/8'],
};

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2001:4860:4860::8888',
  '2a00:1450:4001::1',
];

describe('addresses', () => {
  for (const [what, addresses] of Object.entries(FORBIDDEN)) {
    test(`forbidden: ${what}`, () => {
      for (const ip of addresses) assert.equal(isForbidden(ip, []), true, ip);
    });
  }

  test('public ones, up to the edges of the special ranges', () => {
    for (const ip of PUBLIC) assert.equal(isForbidden(ip, []), false, ip);
  });

  test('an allowed range opens itself and nothing else', () => {
    const allow = ['10.1.0.0/16', 'fd00:1::/32', '::1'];
    for (const ip of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00:1::7', '::1']) {
      assert.equal(isForbidden(ip, allow), false, ip);
    }
    for (const ip of ['10.2.0.1', 'fd00:2::1', '127.0.0.1', '::ffff:10.2.0.1', '::2']) {
      assert.equal(isForbidden(ip, allow), true, ip);
    }
  });

  test('a range of one family says nothing about the other', () => {
    assert.equal(isAllowed('127.0.0.1', ['::/0']), false);
    assert.equal(isAllowed('fe80::1', ['0.0.0.0/0']), false);
  });

  test('an IPv4-mapped address is never freer than the address it reaches', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        assert.equal(isForbidden(`::ffff:${ip}`, []), true);
        assert.equal(isForbidden(`::ffff:${ip}`, ['10.0.0.0/8']), !ip.startsWith('10.'));
      }),
    );
  });

  test('a range that cannot be read is a mistake, not an empty range', () => {
    for (const cidr of ['', '10.0.0.0/33', '::/129', '10.0.0/8', '10.0.0.0/8/8', '10.0.0.0/-1']) {
      assert.throws(() => isForbidden('1.1.1.1', [cidr]), TypeError, cidr);
    }
  });
});

const verdict = (url: string, rules: { allow: string[]; allowHttp: boolean }): string => {
  const result = checkUrl(url, rules);
  return result.ok ? 'ok' : result.reason;
};

describe('URLs', () => {
  const strict = { allow: [], allowHttp: false };
  const demo = { allow: ['127.0.0.0/8'], allowHttp: true };

  test('https to names and public addresses, any port', () => {
    for (const url of [
      'https://example.com/hook?a=b',
      'https://example.com:8443',
      'https://1.1.1.1/',
      'https://[2606:4700:4700::1111]/',
    ]) {
      assert.equal(verdict(url, strict), 'ok', url);
    }
  });

  test('loopback by any spelling', () => {
    for (const host of [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0x7f.1',
      '0177.0.0.1',
      '127.0.0.1.',
      '１２７.0.0.1',
      '%31%32%37.0.0.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[0:0:0:0:0:ffff:7f00:1]',
      '0',
    ]) {
      assert.match(verdict(`https://${host}/`, strict), /not a public address/, host);
    }
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]']) {
      assert.equal(verdict(`http://${host}:3000/`, demo), 'ok', host);
    }
  });

  test('http only where the operator said so', () => {
    assert.match(verdict('http://example.com/', strict), /not https/);
    assert.match(verdict('http://127.0.0.1/', { ...demo, allowHttp: false }), /not https/);
    assert.match(verdict('http://127.0.0.1/', { ...demo, allow: [] }), /webhooks\.allow/);
    assert.match(verdict('http://1.1.1.1/', demo), /http goes only to/);
    assert.match(verdict('http://10.0.0.1/', demo), /http goes only to/);
    assert.equal(verdict('http://localhost:9000/', demo), 'ok', 'a name is judged at connecting');
  });

  test('other schemes, and what is no URL', () => {
    for (const url of ['ftp://example.com/', 'file:///etc/passwd', 'data:,x', 'gopher://x/']) {
      assert.match(verdict(url, demo), /the scheme is \w+, not https/, url);
    }
    for (const url of ['', '/hook', 'example.com', 'https://', 'https://a b/', 'https://[::1']) {
      assert.equal(verdict(url, demo), 'not an absolute URL', url);
    }
  });

  test('credentials are refused and not repeated', () => {
    const reason = verdict('https://user:hunter2@example.com/', strict);
    assert.match(reason, /user name or password/);
    assert.doesNotMatch(reason, /hunter2/);
  });
});
