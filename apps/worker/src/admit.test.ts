import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitAndCall } from './admit.ts';

const COST = { requests: 1, input: 1, output: 1, usd: 0 };
const LEASE = {
  id: 'job_1',
  holder: 'w.1',
  confirmedAt: { wall: 0, steady: 0 },
  lost: false,
  begun: false,
  renewed: false,
  waits: false,
};

/** A gate that lets everything start, and a lease of which it is known what `held` says, look by look. */
function desk(held: boolean[], { confirmed = true }: { confirmed?: boolean } = {}) {
  const seen: string[] = [];
  const gate = {
    ask: () => Promise.resolve({ bookedAt: 0, lease: 'permit' }),
    ended: () => seen.push('ended'),
  };
  const leases = {
    confirm: () => Promise.resolve(confirmed || held.length > 0),
    isKnown: () => held.shift() ?? true,
  };
  const ports = { gate: gate as never, leases, release: () => seen.push('released'), now: () => 0 };
  return { ports, seen };
}

const call = (_permit: string, mayBegin: () => boolean) =>
  Promise.resolve(mayBegin() ? ('answer' as const) : ('not_begun' as const));
const right = () => ({ signal: new AbortController().signal, lease: LEASE });
const asking = { cost: COST, band: 'batch' as const, until: 1_000 };

test('a call whose lease is not known as it is written gives its booking back and asks again', async () => {
  const { ports, seen } = desk([true, false, true, true]);
  const end = await admitAndCall(ports, { asking, call }, right());
  assert.ok(typeof end !== 'string');
  assert.equal(end.result, 'answer');
  assert.deepEqual(seen, ['ended', 'released']);
});

test('one that has lost its lease meanwhile is turned away', async () => {
  const { ports, seen } = desk([true, false], { confirmed: false });
  assert.equal(await admitAndCall(ports, { asking, call }, right()), 'turned_away');
  assert.deepEqual(seen, ['ended', 'released']);
});
