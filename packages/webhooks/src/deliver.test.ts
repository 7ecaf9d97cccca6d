import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, isIP } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';
import { freePort, startSink } from '@sluice/testing';
import type { HttpSink, SinkAnswer } from '@sluice/testing';
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';
import type { Resolve } from './connector.ts';
import { createDeliverer } from './deliver.ts';
import type { Deliverer, DelivererOptions, Delivery } from './deliver.ts';
import { makeSecret, signHeaders } from './sign.ts';

const closing: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

async function sinkWith(answer?: SinkAnswer, at?: { host?: string; port?: number }) {
  const sink = await startSink(answer, at);
  closing.push(sink.stop);
  return sink;
}

/** Loopback open, plain http open: the demo's rules. */
function delivererWith(options: DelivererOptions = {}): Deliverer {
  const deliverer = createDeliverer({ allow: ['127.0.0.0/8'], allowHttp: true, ...options });
  closing.push(deliverer.close);
  return deliverer;
}

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (_request: unknown, response: ServerResponse): void => {
    response.writeHead(code, headers).end('an answer nobody reads');
  };

const send = (deliverer: Deliverer, url: string): Promise<Delivery> =>
  deliverer.deliver({ url, headers: { 'webhook-id': 'evt_1' }, body: '{"a":"é"}' });

describe('what an answer means', () => {
  const table: [number, Record<string, string>, Partial<Delivery>][] = [
    [200, {}, { kind: 'delivered', status: 200 }],
    [204, {}, { kind: 'delivered', status: 204 }],
    [200, { 'retry-after': '5' }, { kind: 'delivered', status: 200 }],
    [410, {}, { kind: 'gone' }],
    [429, {}, { kind: 'throttled', status: 429, retryAfterMs: null }],
    [502, {}, { kind: 'throttled', status: 502, retryAfterMs: null }],
    [504, { 'retry-after': '2' }, { kind: 'throttled', status: 504, retryAfterMs: 2_000 }],
    [503, { 'retry-after': '7' }, { kind: 'throttled', status: 503, retryAfterMs: 7_000 }],
    [503, {}, { kind: 'failed', status: 503, reason: 'answered with an error: 503' }],
    [404, {}, { kind: 'failed', status: 404, reason: 'answered with an error: 404' }],
  ];
  for (const [code, headers, expected] of table) {
    test(`${code} ${JSON.stringify(headers)} is ${expected.kind}`, async () => {
      const sink = await sinkWith(status(code, headers));
      const result = await send(delivererWith(), `${sink.url}/hook`);
      assert.deepEqual(
        { ...result, ...('tookMs' in result ? { tookMs: 0 } : {}) },
        {
          ...expected,
          ...(expected.kind === 'delivered' ? { tookMs: 0 } : {}),
        },
      );
      assert.equal(sink.requests.length, 1);
    });
  }

  test('a redirect is a failure, also one into a private network, and is not followed', async () => {
    const inner = await sinkWith();
    for (const code of [301, 302, 303, 307, 308]) {
      const outer = await sinkWith(status(code, { location: inner.url, 'retry-after': '1' }));
      const result = await send(delivererWith(), outer.url);
      const reason = `answered with a redirect: ${code}`;
      assert.deepEqual(result, { kind: 'failed', reason, status: code });
    }
    assert.equal(inner.requests.length, 0);
  });
});

test('what is sent: JSON, the headers given, a user agent; both verifiers accept it', async () => {
  const sink = await sinkWith();
  const secret = makeSecret(Buffer.alloc(32, 9));
  const body = JSON.stringify({ type: 'job.succeeded', data: { text: 'naïve ✓' } });
  const headers = { ...signHeaders({ id: 'evt_1', at: Date.now(), body }, [secret]) };
  await delivererWith({ userAgent: 'sluice/test' }).deliver({ url: sink.url, headers, body });
  const [got] = sink.requests;
  assert.ok(got);
  assert.equal(got.method, 'POST');
  assert.equal(got.headers['content-type'], 'application/json');
  assert.equal(got.headers['user-agent'], 'sluice/test');
  assert.deepEqual(new Webhook(secret).verify(got.body, got.headers), JSON.parse(body));
  const openai = new OpenAI({ apiKey: 'unused' });
  assert.deepEqual(await openai.webhooks.unwrap(got.body, got.headers, secret), JSON.parse(body));
});

test('connections are kept between deliveries to one origin', async () => {
  const ports = new Set<number | undefined>();
  const sink = await sinkWith((_request, response) => {
    ports.add(response.socket?.remotePort);
    response.end();
  });
  const deliverer = delivererWith();
  for (let i = 0; i < 20; i++) await send(deliverer, sink.url);
  // A second one when the next delivery comes in the very turn in which the first connection becomes free.
  assert.ok(ports.size <= 2, `${ports.size} connections`);
});

const neverAnswering: Resolve = () => new Promise(() => undefined);

describe('receivers that misbehave', () => {
  test('no answer', async () => {
    const sink = await sinkWith(() => undefined);
    const result = await send(delivererWith({ timeoutMs: 50 }), sink.url);
    assert.deepEqual(result, { kind: 'failed', reason: 'no answer within 50 ms' });
  });

  test('a name that never resolves', async () => {
    const deliverer = delivererWith({ timeoutMs: 50, resolve: neverAnswering });
    const start = performance.now();
    const result = await send(deliverer, 'https://example.com/');
    assert.deepEqual(result, { kind: 'failed', reason: 'no answer within 50 ms' });
    const tookMs = performance.now() - start;
    assert.ok(tookMs < 500, `the limit holds while connecting too: ${tookMs} ms`);
  });

  test('an accepted status with an answer that never ends is a delivery', async () => {
    const sink = await sinkWith((_request, response) => void response.writeHead(200).write('x'));
    const result = await send(delivererWith({ timeoutMs: 200 }), sink.url);
    assert.equal(result.kind, 'delivered');
  });

  test('an endless answer is cut after 64 KiB, not at the time limit', async () => {
    let written = 0;
    const sink = await sinkWith((_request, response) => {
      const chunk = Buffer.alloc(16 * 1024);
      const pump = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
        if (!response.destroyed) response.once('drain', pump);
      };
      pump();
    });
    const result = await send(delivererWith({ timeoutMs: 20_000 }), sink.url);
    assert.equal(result.kind, 'delivered');
    assert.ok(written < 8 * 1024 * 1024, `${written} bytes were taken`);
  });

  test('a cut connection, a closed port, an answer that is no HTTP', async () => {
    const cut = await sinkWith((_request, response) => response.destroy());
    const noise = createServer((socket) => socket.end('220 mail.example.com ESMTP\r\n'));
    noise.listen(0, '127.0.0.1');
    await once(noise, 'listening');
    closing.push(async () => void noise.close());
    const noisePort = (noise.address() as AddressInfo).port;
    const deliverer = delivererWith();
    for (const [url, code] of [
      [cut.url, /: UND_ERR_SOCKET$/],
      [`http://127.0.0.1:${await freePort()}`, /: ECONNREFUSED$/],
      [`http://127.0.0.1:${noisePort}`, /: HTTPParserError$/],
      [`https://127.0.0.1:${noisePort}`, /: ERR_SSL_|: EPROTO|: ECONNRESET/],
    ] as const) {
      const result = await send(deliverer, url);
      assert.equal(result.kind, 'failed');
      assert.match('reason' in result ? result.reason : '', code);
    }
  });
});

const refused = (result: Delivery): string => {
  assert.equal(result.kind, 'refused', JSON.stringify(result));
  return 'reason' in result ? result.reason : '';
};

/** A resolver that knows one host. */
const leadingTo =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: isIP(address) }));

describe('where deliveries do not go', () => {
  test('loopback by any spelling, unless allowed', async () => {
    const sink = await sinkWith();
    const strict = delivererWith({ allow: [], allowHttp: true });
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', 'localhost']) {
      for (const scheme of ['http', 'https']) {
        refused(await send(strict, `${scheme}://${host}:${sink.port}/`));
      }
    }
    assert.equal(sink.requests.length, 0);
    assert.equal((await send(delivererWith(), `${sink.url}/`)).kind, 'delivered');
  });

  test('localhost is reached by whichever of its addresses is allowed', async () => {
    const sink = await sinkWith();
    const url = `http://localhost:${sink.port}/`;
    assert.equal((await send(delivererWith(), url)).kind, 'delivered');
    const resolve = leadingTo('::1', '10.0.0.1', '127.0.0.1');
    assert.equal((await send(delivererWith({ resolve }), url)).kind, 'delivered');
  });

  test('a name that leads to a private address, by https and by http', async () => {
    const sink = await sinkWith();
    const resolve = leadingTo('127.0.0.1');
    const strict = delivererWith({ allow: ['10.0.0.0/8'], resolve });
    const reason = refused(await send(strict, `https://hooks.example:${sink.port}/`));
    assert.match(reason, /^127\.0\.0\.1 is not a public address/);
    refused(await send(strict, `http://hooks.example:${sink.port}/`));
    assert.equal(sink.requests.length, 0);
  });

  test('plain http to a public address', async () => {
    const resolve = leadingTo('8.8.8.8');
    const reason = refused(await send(delivererWith({ resolve }), 'http://hooks.example/'));
    assert.match(reason, /http goes only to/);
  });

  test('a name that answers well first and loopback later (DNS rebinding)', async () => {
    // 127.0.0.2 plays the public address: the only one that these rules let through.
    const outside = await sinkWith(
      (_request, response) => void response.setHeader('connection', 'close').end(),
      { host: '127.0.0.2' },
    );
    const inside: HttpSink = await sinkWith(undefined, { port: outside.port });
    const answers = ['127.0.0.2', '127.0.0.1'];
    let asked = 0;
    const resolve = async () => [{ address: answers[asked++] as string, family: 4 }];
    const deliverer = delivererWith({ allow: ['127.0.0.2'], resolve });
    const url = `http://rebind.example:${outside.port}/`;
    assert.equal((await send(deliverer, url)).kind, 'delivered');
    refused(await send(deliverer, url));
    assert.equal(asked, 2, 'one answer per connection: the one that was checked is the one used');
    assert.equal(outside.requests.length, 1);
    assert.equal(outside.requests[0]?.headers['host'], `rebind.example:${outside.port}`);
    assert.equal(inside.requests.length, 0);
  });

  test('a name without any address fails and may be tried again', async () => {
    const deliverer = delivererWith({ resolve: leadingTo() });
    const result = await send(deliverer, 'https://nowhere.example/');
    assert.deepEqual(result, { kind: 'failed', reason: 'not connected, or cut off: ENOTFOUND' });
  });

  test('credentials in the URL, other schemes', async () => {
    refused(await send(delivererWith(), 'https://user:pass@example.com/'));
    refused(await send(delivererWith(), 'ftp://127.0.0.1/'));
  });
});

test('a bad range in the configuration is found at once', () => {
  assert.throws(() => createDeliverer({ allow: ['10.0.0.0/99'] }), TypeError);
});
