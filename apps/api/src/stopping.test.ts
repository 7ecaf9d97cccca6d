/** SIGTERM: everyone gets an answer or a clean end at once, nothing keeps the process, no job is lost by it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { listIds, readJob } from '@sluice/ledger';
import { chatLine, until } from '@sluice/testing';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

/** With nothing else to wait for. The grace is 20 s. */
const SOON_MS = 1_500;

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(() => api.stop());

async function stopSoon(): Promise<void> {
  const began = performance.now();
  await api.stopApi();
  const ms = performance.now() - began;
  assert.ok(ms < SOON_MS, `stopped after ${ms} ms`);
}

const jobsThere = (): Promise<readonly string[]> =>
  listIds(api.ledger, { kind: 'jobs', tenant: null, order: 'desc' }, 10);

async function newJob(): Promise<string> {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  return json.id as string;
}

async function newBatch(): Promise<string> {
  const lines = chatLine('a', { model: 'fast', ...chat() });
  const { json } = await api.call('POST /v1/batches', lines, {
    'content-type': 'application/jsonl',
  });
  return json.id as string;
}

const ask = (headers: Record<string, string>) =>
  api.call('POST /v1/chat/completions', { model: 'fast', ...chat() }, headers);

/** Begins a request; resolves when its headers are there. */
const begin = (path: string): Promise<Response> => fetch(api.url + path);

test('connections that are idle, or on which nothing was asked yet, do not keep it', async () => {
  const silent = await connected();
  const halfway = await connected();
  halfway.write('GET /healthz HTTP/1.1\r\nhost: 127.0');
  const kept = await connected();
  kept.write('GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  await once(kept, 'data');
  const closed = [silent, halfway, kept].map((socket) => once(socket.resume(), 'close'));
  await stopSoon();
  await Promise.all(closed);
});

test('what a client sends on a kept connection while the end begins is answered: nobody is cut off', async () => {
  const kept = await connected();
  kept.write('GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  await once(kept, 'data');
  const stopped = api.stopApi();
  kept.write('GET /v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  const answer = String((await once(kept, 'data'))[0]);
  assert.match(answer, /^HTTP\/1.1 503 /);
  assert.match(answer, /\r\nretry-after: 1\r\n/i);
  assert.match(answer, /\r\nconnection: close\r\n/i);
  await stopped;
});

test('after an answer that had begun before the end, too', async () => {
  const id = await newJob();
  const kept = await connected();
  kept.write(`GET /v1/jobs/${id}/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
  assert.match(String((await once(kept, 'data'))[0]), /^HTTP\/1.1 200 /);
  let text = '';
  kept.on('data', (data: Buffer) => (text += data.toString()));
  const stopped = api.stopApi();
  await until('the stream ends', () => text.endsWith('0\r\n\r\n'));
  kept.write('GET /v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  await until('it is answered', () => /HTTP\/1.1 503 .*connection: close\r\n/is.test(text));
  await stopped;
});

async function connected(): Promise<Socket> {
  const socket = connect(api.port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

test('streams end cleanly and can be taken up again', async () => {
  const [job, batch] = [await newJob(), await newBatch()];
  const paths = [
    `/v1/jobs/${job}/events`,
    `/v1/batches/${batch}/events`,
    `/v1/batches/${batch}/results?follow=true`,
  ];
  const streams = await Promise.all(paths.map(begin));
  const texts = Promise.all(streams.map((stream) => stream.text()));
  await stopSoon();
  const [jobEvents, batchEvents, results] = await texts;
  assert.match(jobEvents as string, /^event: job.queued\ndata: .*\n\n$/);
  assert.match(batchEvents as string, /^event: batch.validating\ndata: .*\n\n$/);
  assert.equal(results, '');
});

test('a long poll is answered with the job as it stands, on a connection that closes', async () => {
  const id = await newJob();
  const before = await jobReads();
  const polled = api.call(`GET /v1/jobs/${id}?wait_ms=60000`);
  // Once to find it, once more after it has begun to listen.
  await until('it waits', async () => (await jobReads()) >= before + 2);
  await stopSoon();
  const { status, json, headers } = await polled;
  assert.deepEqual([status, json.id, json.status], [200, id, 'queued']);
  assert.equal(headers.get('connection'), 'close');
});

const jobReads = async (): Promise<number> =>
  Number(/cmdstat_hkeys:calls=(\d+)/.exec(await api.ledger.redis.info('commandstats'))?.[1] ?? 0);

test('a waiting call is told where its answer will be; the job goes on', async () => {
  const asked = Promise.all([ask({}), ask({ 'idempotency-key': 'k' })]);
  await until('both are accepted', async () => (await jobsThere()).length === 2);
  await stopSoon();
  const answers = await asked;
  for (const { status, json, headers } of answers) {
    const id = headers.get('x-sluice-job-id') as string;
    assert.deepEqual([status, json.error.code], [503, 'answer_pending']);
    assert.match(json.error.message, new RegExp(`stopping.*GET /v1/jobs/${id} has the answer`));
    assert.equal(headers.get('retry-after'), '1');
    assert.equal((await readJob(api.ledger, id))?.status, 'queued', 'not cancelled');
  }
  const retry = answers.map(({ headers }) => headers.get('x-should-retry'));
  assert.deepEqual(retry, ['false', 'true'], 'without a key a repeat would be a second job');
});

test('an upload under way gets its time', async () => {
  const socket = await connected();
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const line = '{"url":"/v1/chat/completions"}\n';
  socket.write(
    `POST /v1/batches HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/jsonl\r\ncontent-length: ${2 * line.length}\r\n\r\n${line}`,
  );
  await until('its bytes arrive', () => api.stored().length > 0);
  const stopping = api.stopApi();
  await until('nobody else is let in', () =>
    fetch(`${api.url}/healthz`).then(
      () => false,
      () => true,
    ),
  );
  socket.write(line);
  await Promise.all([once(socket, 'close'), stopping]);
  assert.match(text, /^HTTP\/1.1 200 .*"object":"batch"/s);
  assert.match(text, /connection: close/i);
});

test('many who wait at once are no leak of listeners', async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error): number => warnings.push(name);
  process.on('warning', note);
  // Those who wait for one job would share its reads, by which it is seen here that all wait.
  const ids = await Promise.all(Array.from({ length: 30 }, newJob));
  const before = await jobReads();
  const polled = ids.map((id) => api.call(`GET /v1/jobs/${id}?wait_ms=60000`));
  await until('all wait', async () => (await jobReads()) >= before + 60);
  await stopSoon();
  await Promise.all(polled);
  process.off('warning', note);
  assert.deepEqual(warnings, []);
});
