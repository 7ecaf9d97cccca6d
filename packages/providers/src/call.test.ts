import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { createCaller } from './call.ts';
import type { CallerOptions } from './call.ts';

/** A server, a caller and a request to it, all gone after the test. */
async function setUp(t: TestContext, listener: RequestListener, options: CallerOptions = {}) {
  const server = createServer(listener);
  const url = await listen(t, server);
  t.after(() => server.closeAllConnections());
  return { server, url, ...call(t, url, options) };
}

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/x?y=1`;
}

function call(t: TestContext, url: string, options: CallerOptions = {}) {
  const caller = createCaller(options);
  t.after(() => caller.close());
  const request = { method: 'POST' as const, url, headers: { 'x-key': 'k' }, body: '{"a":"é"}' };
  const send = (timeoutMs = 5000, signal?: AbortSignal) =>
    caller.send(request, { timeoutMs, signal });
  return { caller, request, send };
}

/** Hands out each request as it arrives, for tests that decide when to answer. */
function arrivals() {
  const waiting: ((response: ServerResponse) => void)[] = [];
  const arrived: ServerResponse[] = [];
  const listener: RequestListener = (_request, response) => {
    const next = waiting.shift();
    if (next) next(response);
    else arrived.push(response);
  };
  const next = () =>
    new Promise<ServerResponse>((resolve) => {
      const response = arrived.shift();
      if (response) resolve(response);
      else waiting.push(resolve);
    });
  return { listener, next };
}

test('sends the request as built and brings back status, headers and text', async (t) => {
  let seen: unknown;
  const { send } = await setUp(t, (request, response) => {
    const { method, url, headers } = request;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen = [method, url, headers['x-key'], Buffer.concat(chunks).toString()];
      response.writeHead(429, { 'Retry-After': '2', 'Set-Cookie': ['a=1', 'b=2'] });
      response.write('{"x":"');
      response.end('…"}');
    });
  });
  const before = Date.now();
  const result = await send();
  assert.ok(result.kind === 'answer');
  assert.deepEqual(seen, ['POST', '/v1/x?y=1', 'k', '{"a":"é"}']);
  const { status, headers, text, receivedAtMs } = result.response;
  assert.deepEqual([status, text], [429, '{"x":"…"}']);
  assert.deepEqual([headers['retry-after'], headers['set-cookie']], ['2', 'a=1, b=2']);
  assert.ok(receivedAtMs !== undefined && receivedAtMs >= before);
  assert.ok(result.tookMs >= 0 && result.tookMs < 5000);
});

test('calls one after the other keep their connections', async (t) => {
  const { server, send } = await setUp(t, (request, response) => {
    request.resume().on('end', () => response.end('{}'));
  });
  let connections = 0;
  server.on('connection', () => (connections += 1));
  for (let i = 0; i < 20; i += 1) await send();
  // Two, because undici lets a connection rest for one turn of the event loop after an answer.
  assert.ok(connections <= 2, String(connections));
});

test('a hung call ends by its timeout, and its connection is closed', async (t) => {
  const { listener, next } = arrivals();
  const { send } = await setUp(t, listener);
  const pending = send(50);
  const gone = next().then((response) => new Promise((resolve) => response.once('close', resolve)));
  const result = await pending;
  assert.ok(result.kind === 'timeout');
  assert.ok(result.tookMs >= 49, String(result.tookMs));
  await gone;
});

test('the timeout bounds the whole call, not the silence between bytes', async (t) => {
  const { send } = await setUp(t, (_request, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write(' '), 5);
    response.once('close', () => clearInterval(drip));
  });
  const result = await send(100);
  assert.equal(result.kind, 'timeout');
});

test('a call that waits for a connection can be given up, and is then never sent', async (t) => {
  const { listener, next } = arrivals();
  let requests = 0;
  const counted: RequestListener = (request, response) => {
    requests += 1;
    listener(request, response);
  };
  const { send } = await setUp(t, counted, { connectionsPerOrigin: 1 });
  const first = send();
  const response = await next();
  assert.equal((await send(20)).kind, 'timeout');
  response.end('{}');
  assert.equal((await first).kind, 'answer');
  const last = send();
  (await next()).end('{}');
  assert.equal((await last).kind, 'answer');
  assert.equal(requests, 2);
});

test('a signal aborts a call in flight', async (t) => {
  const { listener, next } = arrivals();
  const { send } = await setUp(t, listener);
  const controller = new AbortController();
  const pending = send(5000, controller.signal);
  const response = await next();
  const closed = new Promise((resolve) => response.once('close', resolve));
  controller.abort();
  assert.equal((await pending).kind, 'aborted');
  await closed;
});

test('an answer that has arrived is kept when the call is aborted', async (t) => {
  const { listener, next } = arrivals();
  const { send } = await setUp(t, listener);
  const controller = new AbortController();
  const pending = send(5000, controller.signal);
  const response = await next();
  // In a timer's turn: sockets are read after it.
  await wait(0);
  response.end('{}');
  controller.abort();
  assert.equal((await pending).kind, 'answer');
});

test('who may not begin any more when its connection stands sends nothing', async (t) => {
  let requests = 0;
  const { caller, request, send } = await setUp(t, (_request, response) => {
    requests += 1;
    response.end('{}');
  });
  const asked: number[] = [];
  const mayBegin = (): boolean => asked.push(requests) > 2;
  for (let i = 0; i < 2; i += 1) {
    assert.equal((await caller.send(request, { timeoutMs: 5000, mayBegin })).kind, 'not_begun');
  }
  assert.equal((await caller.send(request, { timeoutMs: 5000, mayBegin })).kind, 'answer');
  assert.equal((await send()).kind, 'answer');
  assert.deepEqual([asked, requests], [[0, 0, 0], 2]);
});

test('an aborted signal sends nothing', async (t) => {
  let requests = 0;
  const { send } = await setUp(t, (_request, response) => {
    requests += 1;
    response.end('{}');
  });
  assert.equal((await send(5000, AbortSignal.abort())).kind, 'aborted');
  assert.equal((await send()).kind, 'answer');
  assert.equal(requests, 1);
});

test('one signal for many calls leaves no listeners and no warning', async (t) => {
  const { send } = await setUp(t, (_request, response) => response.end('{}'));
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const controller = new AbortController();
  await Promise.all(Array.from({ length: 40 }, () => send(5000, controller.signal)));
  // Warnings are emitted on the next tick.
  await wait(0);
  assert.deepEqual(warnings, []);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
});

test('a redirect is an answer, not followed', async (t) => {
  let requests = 0;
  const { send } = await setUp(t, (_request, response) => {
    requests += 1;
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  const result = await send();
  assert.ok(result.kind === 'answer');
  assert.deepEqual([result.response.status, requests], [307, 1]);
});

test('an answer above the limit ends the call', async (t) => {
  const { send } = await setUp(t, (_request, response) => response.end('x'.repeat(2000)), {
    maxResponseBytes: 1000,
  });
  const result = await send();
  assert.ok(result.kind === 'too_large');
  assert.match(result.message, /more than 1000 bytes/);
});

test('an answer of exactly the limit is fine', async (t) => {
  const { send } = await setUp(t, (_request, response) => response.end('x'.repeat(1000)), {
    maxResponseBytes: 1000,
  });
  assert.equal((await send()).kind, 'answer');
});

test('a connection cut in the middle of the answer, or before, is a network error, and nothing is sent twice', async (t) => {
  let requests = 0;
  const { send } = await setUp(t, (request, response) => {
    requests += 1;
    if (requests === 1) {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"half');
      setImmediate(() => request.socket.destroy());
    } else request.socket.destroy();
  });
  assert.equal((await send()).kind, 'network');
  assert.equal((await send()).kind, 'network');
  assert.equal(requests, 2);
});

test('a server that does not speak HTTP is a network error', async (t) => {
  const server = createTcpServer((socket) => {
    socket.resume().on('error', () => socket.destroy());
    socket.end('SSH-2.0-OpenSSH_9.2\r\n');
  });
  const { send } = call(t, await listen(t, server));
  assert.equal((await send()).kind, 'network');
});

/** What undici makes of them is the name of one of its own checks. */
const NO_ANSWERS: [what: string, bytes: string, says: RegExp][] = [
  ['a status below 100', 'HTTP/1.1 000 X\r\n\r\n', /no HTTP that can be read/],
  [
    'a 100 Continue that nobody asked for',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}',
    /^100 Continue, for which the request had not asked/,
  ],
];

for (const [what, bytes, says] of NO_ANSWERS)
  test(`${what} is a network error in plain words`, async (t) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.end(bytes));
    });
    const { send } = call(t, await listen(t, server));
    const result = await send();
    assert.ok(result.kind === 'network');
    assert.match(result.message, says);
    assert.doesNotMatch(result.message, /ERR_ASSERTION|assert|bad response/);
  });

test('nobody there is a network error that says so', async (t) => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const { send } = call(t, `http://127.0.0.1:${port}/`);
  const result = await send();
  assert.ok(result.kind === 'network');
  assert.match(result.message, /ECONNREFUSED/);
});

test('an unsafe header or a broken address is a result, not an exception, and shows no value', async (t) => {
  const { caller, request } = call(t, 'http://127.0.0.1:9/');
  const unsafe = { ...request, headers: { authorization: 'Bearer sk-secret\r\nx-evil: 1' } };
  for (const bad of [unsafe, { ...request, url: 'not a url sk-secret' }]) {
    const result = await caller.send(bad, { timeoutMs: 1000 });
    assert.ok(result.kind === 'network');
    assert.ok(result.message.length > 0 && !result.message.includes('sk-secret'), result.message);
  }
});

test('a closed caller refuses with a result', async (t) => {
  const { caller, send } = await setUp(t, (_request, response) => response.end('{}'));
  await send();
  await caller.close();
  assert.equal((await send()).kind, 'network');
});

test('a compressed answer is read, though nobody asked for it', async (t) => {
  const plain = '{"x":"…"}';
  const forms: [string, Buffer][] = [
    ['gzip', gzipSync(plain)],
    ['X-Gzip', gzipSync(plain)],
    ['br', brotliCompressSync(plain)],
    ['deflate', deflateSync(plain)],
    ['deflate', deflateRawSync(plain)],
    ['gzip, br', brotliCompressSync(gzipSync(plain))],
    ['identity', Buffer.from(plain)],
    ['gzip', Buffer.from(plain)],
    ['constructor', Buffer.from(plain)],
  ];
  for (const [encoding, bytes] of forms) {
    const { send } = await setUp(t, (_request, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(bytes);
    });
    const result = await send();
    assert.ok(result.kind === 'answer');
    assert.equal(result.response.text, plain, encoding);
  }
});

test('what unfolds to more than the limit is too large', async (t) => {
  const { send } = await setUp(
    t,
    (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync('x'.repeat(100_000)));
    },
    { maxResponseBytes: 1000 },
  );
  const result = await send();
  assert.ok(result.kind === 'too_large');
});

test('long headers are read; endless ones end the call for good', async (t) => {
  const { send } = await setUp(t, (_request, response) => {
    response.writeHead(200, { 'x-trace': 'h'.repeat(100_000) }).end('{}');
  });
  assert.equal((await send()).kind, 'answer');
  const endless = await setUp(t, (_request, response) => {
    response.writeHead(200, { 'x-trace': 'h'.repeat(1_000_000) }).end('{}');
  });
  const result = await endless.send();
  assert.ok(result.kind === 'too_large');
  assert.match(result.message, /headers are longer than/);
});
