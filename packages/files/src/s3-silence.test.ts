import assert from 'node:assert/strict';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Bucket } from './s3-client.ts';
import { readStream } from './s3-read.ts';
import { StoreAway } from './store.ts';

const MIB = 1024 * 1024;
/** More than the buffers of two kernels hold. */
const LARGE = Buffer.alloc(64 * MIB);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A bucket whose store is this; `asked` counts its requests. */
async function bucketOf(t: TestContext, silenceMs: number, handler: Handler) {
  const seen = { asked: 0 };
  const server = createServer((request, response) => {
    seen.asked += 1;
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const place = {
    bucket: 'some-bucket',
    prefix: '',
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    pathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  };
  const bucket = new Bucket(place, 'serving', silenceMs);
  t.after(async () => {
    bucket.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { bucket, seen };
}

/** Takes pieces of 4 MiB with a pause after each, then answers. */
function takeSlowly(request: IncomingMessage, response: ServerResponse, pauseMs: number): void {
  let taken = 0;
  request.on('data', (chunk: Buffer) => {
    taken += chunk.length;
    if (taken < 4 * MIB) return;
    taken = 0;
    request.pause();
    setTimeout(() => request.resume(), pauseMs);
  });
  request.on('end', () => response.end());
}

for (const [what, body, handler] of [
  ['has a small object and says nothing', Buffer.from('x'), (request) => request.resume()],
  ['has a large object and says nothing', LARGE, (request) => request.resume()],
  ['takes no more bytes', LARGE, (request) => request.once('data', () => request.pause())],
] as [string, Buffer, Handler][])
  void test(
    `a store that ${what} is given up after one attempt where somebody waits`,
    { timeout: 20_000 },
    async (t) => {
      const { bucket, seen } = await bucketOf(t, 300, handler);
      await assert.rejects(
        bucket.put('files/a', body),
        (error) => error instanceof StoreAway && error.message.includes('stood still for 0.3 s'),
      );
      assert.equal(seen.asked, 1);
    },
  );

void test('a store that is slow and takes bytes all the while is waited for', async (t) => {
  const silenceMs = 800;
  const { bucket, seen } = await bucketOf(t, silenceMs, (request, response) =>
    takeSlowly(request, response, silenceMs / 5),
  );
  const began = performance.now();
  await bucket.put('files/a', LARGE);
  assert.ok(performance.now() - began > 2 * silenceMs, 'it was slower than the silence allowed');
  assert.equal(seen.asked, 1);
});

/** Sends a piece of an object from where it is asked for, and then nothing. */
const sendPieceOf = (object: Buffer, bytes: number): Handler => {
  return (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = `bytes ${start}-${object.length - 1}/${object.length}`;
    const length = object.length - start;
    response.writeHead(206, { 'content-range': range, 'content-length': length });
    response.write(object.subarray(start, start + bytes));
  };
};

async function bytesOf(source: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of source) text += String(chunk);
  return text;
}

void test('what falls silent in the middle is asked for from there', async (t) => {
  const object = Buffer.from('0123456789');
  const { bucket, seen } = await bucketOf(t, 200, sendPieceOf(object, 4));
  assert.equal(await bytesOf(readStream(bucket, 'files/a', { end: 10 })), '0123456789');
  assert.ok(seen.asked >= 3);
});

void test(
  'a store that sends nothing of an object, time and again, is away',
  { timeout: 20_000 },
  async (t) => {
    const { bucket, seen } = await bucketOf(t, 200, sendPieceOf(Buffer.from('0123456789'), 0));
    await assert.rejects(
      bytesOf(readStream(bucket, 'files/a', {})),
      (error) => error instanceof StoreAway && error.message.includes('breaks off at byte 0'),
    );
    assert.equal(seen.asked, 3);
  },
);

void test('who reads slowly is not taken for a store that stands still', async (t) => {
  const { bucket, seen } = await bucketOf(t, 100, (_request, response) => {
    response.writeHead(200, { 'content-length': 2 * MIB }).end(Buffer.alloc(2 * MIB));
  });
  let bytes = 0;
  for await (const chunk of readStream(bucket, 'files/a', {})) {
    if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 300));
    bytes += chunk.length;
  }
  assert.deepEqual([bytes, seen.asked], [2 * MIB, 1]);
});
