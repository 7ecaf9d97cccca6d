/** Scripts whose replies are lost with the connection, against a real Redis: sent again they count once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis, TcpProxy, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { Redis } from 'ioredis';
import { Admission } from './admission.ts';
import type { Settled } from './admission.ts';
import { makeFleet } from './test-fleet.ts';

const fleet = makeFleet({ deployments: { a: { limits: { rpm: 6_000, rpd: 100 } } } });
const COST = { requests: 1, input: 10, output: 10, usd: 0 } as const;

let server: TestRedis;
let proxy: TcpProxy;
/** Sees what Redis has, whatever becomes of the other connection. */
let direct: Redis;
before(async () => {
  server = await startRedis();
  proxy = await TcpProxy.start(server.port);
  direct = new Redis(server.url);
});
after(async () => {
  direct.disconnect();
  await proxy.stop();
  await server.stop();
});

/** As workers connect. */
function open(prefix: string, t: { after: (end: () => void) => void }) {
  const retrying = { maxRetriesPerRequest: null, retryStrategy: () => 20 };
  const redis = new Redis(proxy.port, { ...retrying, enableAutoPipelining: true });
  redis.on('error', () => undefined);
  const admission = new Admission({ redis, prefix, fleet });
  t.after(() => {
    admission.close();
    redis.disconnect();
  });
  return { admission };
}

const asking = (leases: string[]) => ({
  costs: leases.map(() => COST),
  band: 'batch' as const,
  leases,
  leaseMs: 60_000,
});

const ended = (lease: string): Settled => ({
  lease,
  expected: COST,
  actual: COST,
  outcome: 'ok',
  tookMs: 1,
  heldMs: 1,
  characters: 10,
  usage: null,
});

/** Does it, loses the replies once Redis has done all of it, and cuts the connection. */
async function losing<Result>(done: () => Promise<boolean>, act: () => Promise<Result>) {
  proxy.loseAnswers();
  const acting = act();
  await until('Redis has done it', done);
  proxy.cut();
  return acting;
}

const counted = async (prefix: string, field: string): Promise<number> =>
  Number(await direct.hget(`${prefix}:{b:org}:load`, `a|${field}`));

test('bookings are made once, and say that their moment has passed', async (t) => {
  const { admission } = open('book', t);
  await admission.book('a', asking(['first']));
  const { delaysMs } = await losing(
    async () => (await counted('book', 'booked')) === 3,
    () => admission.book('a', asking(['second', 'third'])),
  );
  assert.equal(delaysMs.length, 2);
  assert.ok((delaysMs[0] as number) < 0, 'it waited for another connection');
  assert.equal((await admission.book('a', asking(['fourth']))).delaysMs.length, 1);
  assert.equal(await counted('book', 'booked'), 4);
  assert.equal((await admission.read()).get('a')?.windows[0]?.used, 4);
});

test('calls end once, are given back once and are counted once', async (t) => {
  const { admission } = open('count', t);
  await admission.book('a', asking(['one', 'two']));
  await losing(
    async () => (await counted('count', 'dropped')) === 5,
    () =>
      Promise.all([
        admission.settle('a', [ended('one')]),
        admission.release('a', ['two'], [COST]),
        admission.lost('a', 3),
        admission.taken('a', 5),
      ]),
  );
  const load = (await admission.read()).get('a');
  assert.deepEqual([load?.ok, load?.failed], [1, 3]);
  assert.deepEqual([load?.taken, load?.windows[0]?.used], [1 + 5, 1]);
});

test('a permit that its renewal, sent again behind the end, brought back is named and can be freed', async (t) => {
  const { admission } = open('renew', t);
  await admission.book('a', asking(['one']));
  const [back] = await losing(
    async () => (await counted('renew', 'ok')) === 1,
    () =>
      Promise.all([admission.renew('a', ['one'], 60_000), admission.settle('a', [ended('one')])]),
  );
  assert.deepEqual(back, ['one']);
  await admission.free('a', back);
  assert.equal(await direct.zcard('renew:{b:org}:leases:a'), 0);
  assert.equal((await admission.read()).get('a')?.taken, 1);
});

test('a mark is set once: what began and ended since stays counted', async (t) => {
  const { admission } = open('mark', t);
  const other = new Admission({ redis: direct, prefix: 'mark', fleet });
  t.after(() => other.close());
  const at = (): Promise<string | null> => direct.hget('mark:{b:org}:load', 'a|mark');
  await admission.book('a', asking(['before']));
  proxy.loseAnswers();
  const marking = admission.mark('a');
  await until('Redis has done it', async () => (await at()) !== null);
  const first = Number(await at());
  await until(
    'the clock goes on',
    async () => (await other.book('a', asking([]))).atMs > first + 2,
  );
  await other.settle('a', [ended('one')]);
  proxy.cut();
  await marking;
  const since = (await admission.read()).get('a')?.since;
  assert.deepEqual(since, { at: first, ended: { ok: 1 } });
});

const lesson = (): Promise<string | null> => direct.hget('refuse:{b:org}:rates', 'a|lesson');

test('one refusal lowers a limit once', async (t) => {
  const { admission } = open('refuse', t);
  await admission.book('a', asking(['one']));
  const refused = { expected: COST, limit: null, retryAfterMs: null, tookMs: 0, leaseMs: 60_000 };
  const pauseMs = await losing(
    async () => (await lesson()) !== null,
    () => admission.refused('a', refused),
  );
  assert.ok(pauseMs > 0, 'the same answer as the first time');
  assert.match((await lesson()) ?? '', /^1 /);
});

test('of writes whose replies came nothing is kept', async (t) => {
  const { admission } = open('kept', t);
  for (let i = 0; i < 5; i++) await admission.taken('a', 1);
  const [written] = await direct.keys('kept:{b:org}:written:*');
  assert.equal(await direct.hlen(written as string), 1);
  assert.ok((await direct.pttl(written as string)) > 0);
});
