import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SLOT_NUMBERS, connectRedis, makeKeys } from '@sluice/ledger';
import { QUEUES, openQueue } from '@sluice/queues';
import { startRedis, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import type { WebhookEvent } from '@sluice/job';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeliveryData } from '@sluice/queues';
import { PREFIX, exampleEvent, outboxOf, writeToOutbox } from './example-events.ts';
import { forgetConsumers } from './outbox.ts';
import { startOutboxRelay } from './relay.ts';
import type { OutboxRelay, OutboxRelayOptions } from './relay.ts';

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

function relayWith(options: Partial<OutboxRelayOptions> = {}): OutboxRelay {
  const relay = startOutboxRelay({ redis, prefix: PREFIX, queue, ...options });
  closing.push(relay.stop);
  return relay;
}

const hook = 'https://example.com/hook';
const many = (count: number): WebhookEvent[] =>
  Array.from({ length: count }, () => exampleEvent(hook));

const OUTBOXES = SLOT_NUMBERS.map(makeKeys(PREFIX).outbox);

const left = async (): Promise<number> =>
  (await Promise.all(OUTBOXES.map((key) => redis.xlen(key)))).reduce((a, b) => a + b);

const queued = async (): Promise<string[]> =>
  (await queue.getWaiting(0, -1)).map(({ id }) => id as string).toSorted();

const idsOf = (events: WebhookEvent[]): string[] => events.map(({ id }) => id).toSorted();

const hasGroups = async (): Promise<boolean> =>
  (await redis.exists(OUTBOXES.at(-1) as string)) === 1;

const emptied = (): Promise<boolean> => until('an empty outbox', async () => (await left()) === 0);

test('every event of every slot reaches the queue and leaves the outbox', async () => {
  const before = many(40);
  await writeToOutbox(redis, ...before);
  relayWith();
  await emptied();
  const after = [...many(40), exampleEvent(hook, 'batch.completed')];
  assert.ok(new Set(after.map(outboxOf)).size > 8, 'several streams');
  await writeToOutbox(redis, ...after);
  await emptied();
  assert.deepEqual(await queued(), idsOf([...before, ...after]));
  const [first] = after;
  const entry = await queue.getJob(first?.id as string);
  assert.deepEqual(entry?.data, { event: first, attempt: 0 });
});

test('an event that comes twice makes one entry', async () => {
  const event = exampleEvent(hook);
  await writeToOutbox(redis, event, event);
  relayWith();
  await emptied();
  assert.deepEqual(await queued(), [event.id]);
});

test('a delivery that was asked for again goes to its endpoint alone, by an entry of its own', async () => {
  const event = { ...exampleEvent(hook), tenant: 't' };
  const again = 'whe_1 whd_1 2';
  await redis.xadd(outboxOf(event), '*', 'event', JSON.stringify(event), 'again', again);
  const told: WebhookEvent[] = [];
  const fanOut: OutboxRelayOptions['fanOut'] = async (events) => {
    told.push(...events);
    return [];
  };
  relayWith({ fanOut });
  await emptied();
  assert.deepEqual(told, []);
  const to = { endpoint: 'whe_1', delivery: 'whd_1' };
  assert.deepEqual((await queue.getJob('whd_1-2'))?.data, { event, to, attempt: 0 });
});

test('what is no event is dropped and reported, and holds nothing up', async () => {
  const event = exampleEvent(hook);
  const key = outboxOf(event);
  await redis.xadd(key, '*', 'event', '{"id":"evt_1"}');
  await redis.xadd(key, '*', 'other', 'field');
  await writeToOutbox(redis, event);
  const errors: string[] = [];
  relayWith({ onError: ({ message }) => errors.push(message) });
  await emptied();
  assert.deepEqual(errors, ['2 outbox entries are no events']);
  assert.deepEqual(await queued(), [event.id]);
});

test('two relays at once add every event once', async () => {
  const events = many(1_000);
  const added = new Map<string, string[]>();
  const counting = (name: string): OutboxRelayOptions['queue'] => ({
    addBulk: (jobs) => {
      added.set(name, [...(added.get(name) ?? []), ...jobs.map(({ data }) => data.event.id)]);
      return queue.addBulk(jobs);
    },
  });
  for (const name of ['a', 'b']) relayWith({ queue: counting(name) });
  await Promise.all(
    [0, 1, 2, 3].map((i) => writeToOutbox(redis, ...events.slice(i * 250, i * 250 + 250))),
  );
  await emptied();
  assert.deepEqual([...added.values()].flat().toSorted(), idsOf(events));
  assert.deepEqual(await queued(), idsOf(events));
});

describe('trouble', () => {
  test('a relay killed between adding and acknowledging: another finishes, with one entry each', async () => {
    const events = many(5);
    await writeToOutbox(redis, ...events);
    const fixture = fileURLToPath(new URL('relay.fixture.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', fixture, server.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(await left(), 5);
    relayWith({ claimIdleMs: 100 });
    await emptied();
    assert.deepEqual(await queued(), idsOf(events));
  });

  test('a queue that fails, or takes only a part, is asked again', async () => {
    const events = many(3);
    await writeToOutbox(redis, ...events);
    let calls = 0;
    const addBulk: OutboxRelayOptions['queue']['addBulk'] = async (jobs) => {
      calls += 1;
      if (calls === 1) throw new Error('OOM command not allowed');
      if (calls === 2) return queue.addBulk(jobs.slice(1));
      return queue.addBulk(jobs);
    };
    const errors: string[] = [];
    relayWith({ queue: { addBulk }, onError: ({ message }) => errors.push(message) });
    await emptied();
    assert.equal(errors[0], 'OOM command not allowed');
    assert.match(errors[1] ?? '', /^the queue did not take evt_/);
    assert.deepEqual(await queued(), idsOf(events));
  });

  test('a Redis that goes away and comes back, with and without its data', async () => {
    const errors: Error[] = [];
    const gate = await openGate(server.port);
    closing.push(gate.close);
    const through = connectRedis(`redis://127.0.0.1:${gate.port}`, 'background');
    closing.push(() => through.disconnect());
    // Entries whose reply was lost with the connection must not have to wait for a claim.
    relayWith({ redis: through, claimIdleMs: 600_000, onError: (error) => errors.push(error) });
    const first = many(3);
    await writeToOutbox(redis, ...first);
    await emptied();

    gate.shut();
    const second = many(3);
    await writeToOutbox(redis, ...second);
    gate.open();
    await emptied();
    assert.deepEqual(await queued(), idsOf([...first, ...second]));

    await redis.flushall();
    const third = many(3);
    await writeToOutbox(redis, ...third);
    await emptied();
    assert.deepEqual(await queued(), idsOf(third));
    assert.ok(errors.some(({ message }) => message.startsWith('NOGROUP')));
  });
});

test('an idle relay stops at once, also while Redis is away', async () => {
  const gate = await openGate(server.port);
  closing.push(gate.close);
  const through = connectRedis(`redis://127.0.0.1:${gate.port}`, 'background');
  closing.push(() => through.disconnect());
  for (const away of [false, true]) {
    const relay = startOutboxRelay({ redis: through, prefix: PREFIX, queue, claimIdleMs: 1_000 });
    await until('the groups', hasGroups);
    if (away) gate.shut();
    const start = performance.now();
    await relay.stop();
    assert.ok(performance.now() - start < 1_500, `took ${performance.now() - start} ms`);
  }
});

test('consumers of relays long gone are forgotten, unless they hold something', async () => {
  const event = exampleEvent(hook);
  const key = outboxOf(event);
  await redis.xgroup('CREATE', key, 'relay', '0', 'MKSTREAM');
  await redis.xgroup('CREATECONSUMER', key, 'relay', 'empty-handed');
  await writeToOutbox(redis, event);
  await redis.xreadgroup('GROUP', 'relay', 'holding', 'COUNT', 1, 'STREAMS', key, '>');
  const names = async (): Promise<string[]> =>
    ((await redis.xinfo('CONSUMERS', key, 'relay')) as string[][]).map((info) => info[1] as string);
  await forgetConsumers({ redis, keys: [key], consumer: 'me' }, 60_000);
  assert.deepEqual(await names(), ['empty-handed', 'holding']);
  await until('the idle one to go', async () => {
    await forgetConsumers({ redis, keys: [key], consumer: 'me' }, 1);
    return (await names()).length === 1;
  });
  assert.deepEqual(await names(), ['holding']);
});

/** A TCP door to `target` that can be shut: cuts what is connected and lets nobody in. */
async function openGate(target: number) {
  const sockets = new Set<Socket>();
  const door = createServer((socket) => {
    const onward = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => from.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const { port } = door.address() as AddressInfo;
  const shut = (): void => {
    door.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return { port, shut, open: () => void door.listen(port, '127.0.0.1'), close: shut };
}
