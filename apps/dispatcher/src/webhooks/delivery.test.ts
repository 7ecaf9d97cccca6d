import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { connectRedis } from '@sluice/ledger';
import { QUEUES, openQueue } from '@sluice/queues';
import { startRedis, startSink, until } from '@sluice/testing';
import type { HttpSink, SinkRequest, TestRedis } from '@sluice/testing';
import { batchEventBody, createDeliverer, makeSecret } from '@sluice/webhooks';
import type { WebhookEvent } from '@sluice/job';
import type { DelivererOptions } from '@sluice/webhooks';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import OpenAI from 'openai';
import { deliveryEntry } from '@sluice/queues';
import type { DeliveryData } from '@sluice/queues';
import { startDeliveryWorker } from './delivery.ts';
import type { DeliveryReport, DeliveryWorkerOptions } from './delivery.ts';
import type { Attempted } from './receivers.ts';
import { PREFIX, exampleEvent, outboxOf, writeToOutbox } from './example-events.ts';
import { startOutboxRelay } from './relay.ts';

const secret = makeSecret(Buffer.alloc(32, 77));
const openai = new OpenAI({ apiKey: 'unused', webhookSecret: secret });

let server: TestRedis;
let redis: Redis;
let queue: Queue<DeliveryData>;
let closing: (() => unknown)[];

beforeEach(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'background');
  queue = openQueue<DeliveryData>(QUEUES.webhooks, redis, { prefix: PREFIX, keep: 1_000 });
  closing = [server.stop, () => redis.disconnect(), () => queue.close()];
});

afterEach(async () => {
  for (const close of closing.toReversed()) await close();
});

/** Answers the n-th request with the n-th status, and the rest with 200. */
function answering(...statuses: (number | 'hang' | [number, Record<string, string>])[]) {
  let n = 0;
  return (_request: SinkRequest, response: ServerResponse): void => {
    const next = statuses[n++] ?? 200;
    if (next === 'hang') return;
    const [status, headers] = Array.isArray(next) ? next : [next, {}];
    response.writeHead(status, headers).end('what the receiver says');
  };
}

interface Settings extends Partial<DeliveryWorkerOptions> {
  sinks: HttpSink[];
  delivererOptions?: DelivererOptions;
}

/** A worker with delays of a few milliseconds, and what it told. Sinks are cut before it stops: nothing stays in flight. */
function workerWith({ sinks, delivererOptions, ...options }: Settings): DeliveryReport[] {
  const reports: DeliveryReport[] = [];
  const rules = { allow: ['127.0.0.0/8'], allowHttp: true };
  const deliverer = createDeliverer({ ...rules, ...delivererOptions });
  const connection = connectRedis(server.url, 'blocking');
  const worker = startDeliveryWorker({
    connection,
    prefix: PREFIX,
    deliverer,
    now: Date.now,
    receiverOf: async ({ event }) => ({ url: event.url ?? '', secrets: [secret] }),
    buildBody: async (event) => batchEventBody(event, event.subject),
    onResult: (report) => reports.push(report),
    delaysMs: [0, 5, 5, 5],
    ...options,
  });
  closing.push(() => connection.disconnect(), deliverer.close, worker.stop);
  closing.push(...sinks.map((sink) => sink.stop));
  return reports;
}

const add = (...events: WebhookEvent[]): Promise<unknown> =>
  queue.addBulk(events.map((event) => deliveryEntry(event)));

const kinds = (reports: DeliveryReport[]): string[] => reports.map(({ result }) => result.kind);

const ended = (reports: DeliveryReport[], count = 1): Promise<boolean> =>
  until('the end of a delivery', () => reports.filter((r) => r.nextAt === null).length >= count);

const settled = async (id: string, state: 'completed' | 'failed') => {
  await until(`${id} to be ${state}`, async () => (await queue.getJobState(id)) === state);
  return queue.getJob(id);
};

test('a delivery: signed for the official client, and little is left on the queue', async () => {
  const sink = await startSink();
  const reports = workerWith({ sinks: [sink] });
  const event = exampleEvent(`${sink.url}/hook`, 'batch.completed');
  await add(event);
  const entry = await settled(event.id, 'completed');
  assert.deepEqual(entry?.returnvalue, { status: 200, attempt: 1 });
  assert.deepEqual(kinds(reports), ['delivered']);
  const [got] = sink.requests as [SinkRequest];
  const told = await openai.webhooks.unwrap(got.body, got.headers);
  assert.equal(told.type, 'batch.completed');
  assert.equal(told.id, event.id);
  assert.deepEqual(told.data, { id: event.subject });
});

test('two failures, then success: one id, a fresh timestamp and signature each time', async () => {
  const sink = await startSink(answering(500, 502));
  const reports = workerWith({ sinks: [sink] });
  const event = exampleEvent(sink.url);
  await add(event);
  const entry = await settled(event.id, 'completed');
  assert.deepEqual(entry?.returnvalue, { status: 200, attempt: 3 });
  assert.deepEqual(entry?.data, { event, attempt: 2, last: 'throttled: 502' });
  assert.deepEqual(kinds(reports), ['failed', 'throttled', 'delivered']);
  assert.deepEqual(
    reports.map(({ attempt }) => attempt),
    [1, 2, 3],
  );
  assert.deepEqual(
    sink.requests.map(({ headers }) => headers['webhook-id']),
    [event.id, event.id, event.id],
  );
  for (const { body, headers, at } of sink.requests) {
    await openai.webhooks.unwrap(body, headers);
    const sentAt = Number(headers['webhook-timestamp']) * 1_000;
    assert.ok(at - sentAt >= 0 && at - sentAt < 2_000, `sent ${at - sentAt} ms before`);
  }
});

test('attempts are dated and signed by the clock that all go by; the waits between them are as long as ever', async () => {
  const DAY = 86_400_000;
  const began = Date.now();
  const sink = await startSink(answering(500));
  const attempts: Attempted[] = [];
  const reports = workerWith({
    sinks: [sink],
    now: () => Date.now() - DAY,
    onAttempt: async (_, attempted) => void attempts.push(attempted),
    delaysMs: [0, 200],
  });
  const event = exampleEvent(sink.url);
  await add(event);
  await settled(event.id, 'completed');
  const [first, second] = attempts as [Attempted, Attempted];
  const [again, over] = [Number(first.nextAt), Date.now()];
  for (const at of [first.startedAt, again, second.startedAt])
    assert.ok(at >= began - DAY && at <= over - DAY, `${at - began + DAY} ms after it began`);
  assert.ok(first.tookMs >= 0 && second.tookMs < 60_000);
  assert.ok(second.startedAt >= again - 20, `${again - second.startedAt} ms early`);
  assert.deepEqual(kinds(reports), ['failed', 'delivered']);
  for (const { headers } of sink.requests) {
    const sentAt = Number(headers['webhook-timestamp']) * 1_000;
    assert.ok(sentAt >= began - DAY - 1_000 && sentAt <= over - DAY);
  }
});

describe('ends without delivery', () => {
  test('the schedule is exhausted', async () => {
    const sink = await startSink(answering(500, 500, 500, 500));
    const reports = workerWith({ sinks: [sink] });
    const event = exampleEvent(sink.url);
    await add(event);
    const entry = await settled(event.id, 'failed');
    assert.equal(entry?.failedReason, 'given up after 4 attempts: answered with an error: 500');
    assert.equal(sink.requests.length, 4);
    assert.equal(reports.at(-1)?.nextAt, null);
  });

  test('410', async () => {
    const sink = await startSink(answering(410));
    workerWith({ sinks: [sink] });
    const event = exampleEvent(sink.url);
    await add(event);
    const entry = await settled(event.id, 'failed');
    assert.equal(entry?.failedReason, 'gone: the receiver answered 410');
    assert.equal(sink.requests.length, 1);
  });

  test('a private address', async () => {
    const sink = await startSink();
    const reports = workerWith({
      sinks: [sink],
      delivererOptions: { allow: [], allowHttp: false },
    });
    const events = [exampleEvent(`https://127.0.0.1:${sink.port}`), exampleEvent('not a URL')];
    await add(...events);
    const [first, second] = events as [WebhookEvent, WebhookEvent];
    const entry = await settled(first.id, 'failed');
    assert.match(entry?.failedReason ?? '', /^refused: 127\.0\.0\.1 is not a public address/);
    await settled(second.id, 'failed');
    assert.deepEqual(kinds(reports), ['refused', 'refused']);
    assert.equal(sink.requests.length, 0);
  });

  test('the record is gone', async () => {
    const sink = await startSink();
    const reports = workerWith({ sinks: [sink], buildBody: async () => null });
    const event = exampleEvent(sink.url);
    await add(event);
    const entry = await settled(event.id, 'completed');
    assert.deepEqual(entry?.returnvalue, { dropped: true });
    assert.deepEqual(kinds(reports), ['dropped']);
    assert.equal(sink.requests.length, 0);
  });
});

describe('tried again', () => {
  test('a receiver that asks for time gets it', async () => {
    const sink = await startSink(answering([429, { 'retry-after': '3600' }]));
    const reports = workerWith({ sinks: [sink] });
    const event = exampleEvent(sink.url);
    const before = Date.now();
    await add(event);
    await until('the first attempt', () => reports.length === 1);
    assert.ok((reports[0]?.nextAt ?? 0) >= before + 3_600_000);
    assert.equal(await queue.getJobState(event.id), 'delayed');
  });

  test('a receiver that hangs', async () => {
    const sink = await startSink(answering('hang'));
    const reports = workerWith({ sinks: [sink], delivererOptions: { timeoutMs: 100 } });
    const event = exampleEvent(sink.url);
    await add(event);
    await settled(event.id, 'completed');
    assert.deepEqual(
      reports.map(({ result }) => ('reason' in result ? result.reason : result.kind)),
      ['no answer within 100 ms', 'delivered'],
    );
  });

  test('a redirect, which is not followed into a private network', async () => {
    const inner = await startSink();
    const outer = await startSink(answering([307, { location: inner.url }]));
    const reports = workerWith({ sinks: [inner, outer] });
    const event = exampleEvent(outer.url);
    await add(event);
    await settled(event.id, 'completed');
    assert.deepEqual(kinds(reports), ['failed', 'delivered']);
    assert.equal(inner.requests.length, 0);
    assert.equal(outer.requests.length, 2);
  });

  test('a body or a secret that cannot be had right now', async () => {
    const sink = await startSink();
    const errors: string[] = [];
    let bodies = 0;
    let secrets = 0;
    workerWith({
      sinks: [sink],
      buildBody: async (event) => {
        if (bodies++ === 0) throw new Error('Connection is closed.');
        return batchEventBody(event, event.subject);
      },
      receiverOf: async ({ event }) => ({
        url: event.url ?? '',
        secrets: secrets++ === 1 ? [] : [secret],
      }),
      onError: ({ message }) => errors.push(message),
    });
    const event = exampleEvent(sink.url);
    await add(event);
    const entry = await settled(event.id, 'completed');
    assert.equal(entry?.data.last, 'could not be prepared');
    assert.deepEqual(errors, ['Connection is closed.', 'no webhook secret to sign with']);
    assert.equal(sink.requests.length, 1);
  });
});

test('a hanging receiver with a hundred events does not hold up another one', async () => {
  const hanging = await startSink(() => undefined);
  const good = await startSink();
  const reports = workerWith({
    sinks: [hanging, good],
    concurrency: 16,
    delivererOptions: { timeoutMs: 60_000 },
  });
  await add(...Array.from({ length: 100 }, () => exampleEvent(hanging.url)));
  await until('its lane to be full', () => hanging.requests.length === 4);
  await add(exampleEvent(good.url));
  await ended(reports);
  assert.deepEqual(
    reports.map(({ event }) => event.url),
    [good.url],
  );
  assert.equal(hanging.requests.length, 4, 'a quarter of the slots');
});

test('from the outbox to the receiver, two relays and two workers: every event once', async () => {
  const sink = await startSink();
  const reports = [workerWith({ sinks: [sink] }), workerWith({ sinks: [] })];
  for (let i = 0; i < 2; i++) {
    const relay = startOutboxRelay({ redis, prefix: PREFIX, queue });
    closing.push(relay.stop);
  }
  const events = Array.from({ length: 300 }, () => exampleEvent(sink.url, 'batch.completed'));
  await writeToOutbox(redis, ...events);
  await until('all reports', () => reports.flat().length >= events.length);
  assert.deepEqual(
    sink.requests.map(({ headers }) => headers['webhook-id'] ?? '').toSorted(),
    events.map(({ id }) => id).toSorted(),
  );
  for (const { body, headers } of sink.requests) await openai.webhooks.unwrap(body, headers);
  const keys = new Set(events.map(outboxOf));
  await until('an empty outbox', async () => {
    const lengths = await Promise.all([...keys].map((key) => redis.xlen(key)));
    return lengths.every((length) => length === 0);
  });
});

test('neither secrets, bodies nor answers stand in Redis', async () => {
  await redis.config('SET', 'rdbcompression', 'no');
  const sink = await startSink(answering(500, 404, 410));
  const reports = workerWith({
    sinks: [sink],
    buildBody: async (event) => JSON.stringify({ id: event.id, data: 'what the model said' }),
  });
  await add(exampleEvent(sink.url));
  await ended(reports);
  const keys = await redis.keys('*');
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  const everything = Buffer.concat(dumps.filter((dump) => dump !== null)).toString('latin1');
  assert.ok(everything.includes('answered with an error: 404'), 'the dump shows what is there');
  for (const text of [secret, secret.slice(6), 'what the model said', 'what the receiver says']) {
    assert.ok(!everything.includes(text), text);
  }
});
