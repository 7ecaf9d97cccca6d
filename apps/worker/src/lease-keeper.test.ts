/** Leases against a real Redis: kept, lost, and what a process may do that stood still. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import { claimEntry, connectRedis, openLedger } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { startRedis, TcpProxy, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { admitAndCall } from './admit.ts';
import { Gate } from './gate.ts';
import type { Booking } from './gate.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { Lease } from './lease-keeper.ts';

const LEASE_MS = 15_000;
const NEVER_MS = 2 ** 31 - 1;
const COST = { requests: 1, input: 1, output: 1, usd: 0 } as const;

let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

/** A worker with clocks of its own. */
function worker(holder: string, renewEveryMs = NEVER_MS, through = ledger) {
  const clock = { wall: 1_000_000, steady: 500 };
  const lost: string[] = [];
  const ended: string[] = [];
  const leases = new LeaseKeeper({
    ledger: through,
    holder,
    leaseMs: LEASE_MS,
    renewEveryMs,
    now: () => clock.wall,
    steady: () => clock.steady,
    onLost: (ids) => lost.push(...ids),
    onEnded: (ids) => ended.push(...ids),
  });
  const sleep = (ms: number): void => void ((clock.wall += ms), (clock.steady += ms));
  const claim = async (id: string): Promise<Lease | string> => {
    const name = leases.newHolder();
    const at = leases.moment();
    const asked = { id, epoch: 1, holder: name, now: at.wall, leaseMs: LEASE_MS };
    const result = await claimEntry(ledger, asked);
    return result.kind === 'claimed' ? leases.hold(id, name, at) : result.kind;
  };
  return { clock, lost, ended, leases, sleep, claim };
}

async function placed(): Promise<string> {
  const id = makeId('job', randomBytes(16));
  await ledger.redis.hset(ledger.keys.entry(id), { status: 'queued', epoch: 1, body: '{}' });
  return id;
}

async function held(by: ReturnType<typeof worker>): Promise<{ id: string; lease: Lease }> {
  const id = await placed();
  const lease = await by.claim(id);
  assert.ok(typeof lease !== 'string');
  return { id, lease };
}

/** A promise for whoever holds `resolve` to keep. */
function later<Value>() {
  let resolve = (_value: Value): void => assert.fail('too early');
  const promise = new Promise<Value>((done) => (resolve = done));
  return { promise, resolve };
}

const leaseEnd = async (id: string): Promise<number> =>
  Number(await ledger.redis.hget(ledger.keys.entry(id), 'lease'));

test('a lease is renewed in the background until it is released', async () => {
  const one = worker('one', 5);
  const { id, lease } = await held(one);
  one.sleep(2_000);
  await until('renewed', async () => (await leaseEnd(id)) === one.clock.wall + LEASE_MS);
  one.leases.release(lease);
  one.leases.close();
});

test('it is told of a job whose call still waits at the second renewal, until that has begun', async (t) => {
  const a = worker('a');
  t.after(() => a.leases.close());
  const { id, lease } = await held(a);
  const key = ledger.keys.entry(id);
  const toldAfterRenewal = async (): Promise<string | null> => {
    a.sleep(LEASE_MS / 2);
    await a.leases.confirm(lease);
    return ledger.redis.hget(key, 'gate');
  };
  assert.equal(await toldAfterRenewal(), null, 'it may have been claimed just now');
  assert.equal(await toldAfterRenewal(), '1');
  const gate = new Gate({
    book: async () => ({ passedOver: [], delaysMs: [0], askAgainMs: null }),
    release: () => assert.fail('it begins'),
    mostCalls: () => Infinity,
    now: () => a.clock.wall,
  });
  const asking = { cost: COST, band: 'batch' as const, until: Infinity };
  const call = async (_permit: string, mayBegin: () => boolean) =>
    mayBegin() ? toldAfterRenewal() : ('not_begun' as const);
  const ports = { gate, leases: a.leases, release: () => undefined, now: () => a.clock.wall };
  const right = { signal: new AbortController().signal, lease };
  const made = await admitAndCall(ports, { asking, call }, right);
  assert.ok(typeof made !== 'string');
  assert.equal(made.result, null);
});

test('half a term after the last word from Redis nothing is known, by either clock', async () => {
  const one = worker('one');
  const { lease } = await held(one);
  assert.equal(one.leases.isKnown(lease), true);
  one.clock.steady += LEASE_MS / 2;
  assert.equal(one.leases.isKnown(lease), false, 'the wall clock was set back');
  one.clock.steady -= LEASE_MS / 2;
  one.clock.wall += LEASE_MS / 2;
  assert.equal(one.leases.isKnown(lease), false, 'the machine slept');
  one.leases.close();
});

test('a process that stood still renews before it goes on, if nobody took the entry', async () => {
  const one = worker('one');
  const { id, lease } = await held(one);
  one.sleep(20_000);
  assert.equal(await one.leases.confirm(lease), true);
  assert.equal(await leaseEnd(id), one.clock.wall + LEASE_MS);
  const two = worker('two');
  two.sleep(20_000);
  assert.equal(await two.claim(id), 'held');
  two.leases.close();
  one.leases.close();
});

test('what another has taken is lost, and said once', async () => {
  const [one, two] = [worker('one'), worker('two')];
  const { id, lease } = await held(one);
  one.sleep(20_000);
  two.sleep(20_000);
  assert.ok(typeof (await two.claim(id)) !== 'string');
  assert.equal(await one.leases.confirm(lease), false);
  assert.equal(await one.leases.confirm(lease), false);
  assert.deepEqual(one.lost, [id]);
  for (const { leases } of [one, two]) leases.close();
});

test('a second delivery to the same process is another, and waits for the lease', async () => {
  const one = worker('one');
  const { id } = await held(one);
  assert.equal(await one.claim(id), 'held');
  one.leases.close();
});

const notCalled = () => Promise.reject(new Error('called'));

test('a call that waited for its booking while the process stood still does not begin', async () => {
  const [one, two] = [worker('one'), worker('two')];
  const { id, lease } = await held(one);
  const released: string[] = [];
  const booked = later<Booking>();
  const gate = new Gate({
    book: () => booked.promise,
    release: () => undefined,
    mostCalls: () => 1,
    now: () => one.clock.wall,
  });
  const { leases } = one;
  const ports = { gate, leases, release: (permit: string) => void released.push(permit) };
  const asking = { cost: COST, band: 'batch' as const, until: Infinity };
  const right = { signal: new AbortController().signal, lease };
  const clocked = { ...ports, now: () => one.clock.wall };
  const admitted = admitAndCall(clocked, { asking, call: notCalled }, right);
  await new Promise(setImmediate);
  one.sleep(20_000);
  two.sleep(20_000);
  assert.ok(typeof (await two.claim(id)) !== 'string');
  booked.resolve({ passedOver: [], delaysMs: [0], askAgainMs: null });
  assert.equal(await admitted, 'turned_away');
  assert.equal(released.length, 1);
  for (const each of [one, two]) each.leases.close();
});

test('a renewal that Redis heard of late is followed by another at once', async (t) => {
  const proxy = await TcpProxy.start(redis.port);
  const through = openLedger(connectRedis(`redis://127.0.0.1:${proxy.port}`, 'background'), 'test');
  const [one, two] = [worker('one', NEVER_MS, through), worker('two')];
  t.after(async () => {
    for (const { leases } of [one, two]) leases.close();
    through.redis.disconnect();
    await proxy.stop();
  });
  const taken = await held(one);
  let kept = await held(one);
  while (slotOf(kept.id) !== slotOf(taken.id)) {
    one.leases.release(kept.lease);
    kept = await held(one);
  }
  one.sleep(LEASE_MS / 2);
  proxy.silence();
  const confirmed = one.leases.confirm(taken.lease);
  one.sleep(LEASE_MS);
  two.sleep(LEASE_MS * 2);
  assert.ok(typeof (await two.claim(taken.id)) !== 'string');
  proxy.cut();
  assert.equal(await confirmed, false);
  const inTime = async () => (await leaseEnd(kept.id)) === one.clock.wall + LEASE_MS;
  await until('nobody asks for it, and it is renewed', inTime, { timeoutMs: 5_000 });
});

test('a job that has ended is told of once, and its lease is kept no more', async () => {
  const one = worker('one', 5);
  const { id, lease } = await held(one);
  await ledger.redis.hset(ledger.keys.entry(id), { status: 'cancelled', lease: '0' });
  await until('it is told of', async () => one.ended.length > 0);
  assert.deepEqual([one.ended, one.lost, lease.lost], [[id], [], true]);
  assert.equal(await leaseEnd(id), 0);
  one.leases.close();
});
