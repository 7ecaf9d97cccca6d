/** What is taken from an allowance while the reply is lost with the connection, against a real Redis. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis, TcpProxy, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { Takings } from './takings.ts';
import { takeAllowance } from './tenants.ts';

let server: TestRedis;
let proxy: TcpProxy;
let ledger: Ledger;
/** Sees what Redis has, whatever becomes of the other connection. */
let direct: Ledger;
before(async () => {
  server = await startRedis();
  proxy = await TcpProxy.start(server.port);
  ledger = openLedger(connectRedis(`redis://127.0.0.1:${proxy.port}`, 'background'), 'test');
  direct = openLedger(connectRedis(server.url, 'background'), 'test');
});
after(async () => {
  ledger.redis.disconnect();
  direct.redis.disconnect();
  await proxy.stop();
  await server.stop();
});

const LIMITS = { requests_per_minute: 600, max_queued: 3 };
const STEP_MS = 60_000 / LIMITS.requests_per_minute;
const take = (id: string) => takeAllowance(ledger, { tenant: 'lost', limits: LIMITS, id, adds: 2 });
const allowance = (field: string) => direct.redis.hget(direct.keys.tenant('lost').allowance, field);
const taken = () => direct.redis.smembers(direct.keys.tenant('lost').taken(ledger.takings.taker));

test('it is counted once and allowed, although it fills what there is', async () => {
  await ledger.redis.ping();
  proxy.loseAnswers();
  const taking = take('one');
  await until('it is counted', async () => (await allowance('queued')) === '2');
  const fullAt = Number(await allowance('requests_full_at'));
  proxy.cut();
  assert.deepEqual(await taking, { kind: 'taken' });
  assert.equal(Number(await allowance('requests_full_at')), fullAt, 'one request');
  assert.equal(await allowance('queued'), '2');
});

test('of what is not sent again nothing is kept, and the next counts', async () => {
  assert.deepEqual(await taken(), ['1']);
  const fullAt = Number(await allowance('requests_full_at'));
  assert.equal((await take('two')).kind, 'not_taken', 'too many');
  assert.deepEqual(await taken(), []);
  assert.deepEqual(
    await takeAllowance(ledger, { tenant: 'lost', limits: LIMITS, id: 'three', adds: 1 }),
    { kind: 'taken' },
  );
  assert.ok(Number(await allowance('requests_full_at')) >= fullAt + STEP_MS);
  assert.deepEqual(await taken(), ['3']);
});

const away = (): Promise<never> => Promise.reject(new Error('away'));

test('after an outage of thousands of takings those that are over are told in parts', async () => {
  const takings = new Takings();
  for (let i = 0; i < 1_200; i++) await assert.rejects(takings.name('t', away));
  const told: number[] = [];
  for (let i = 0; i < 4; i++)
    await takings.name('t', (names) => Promise.resolve(told.push(names.length - 1)));
  assert.deepEqual(told, [500, 500, 202, 1]);
});
