import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { makeId, slotOf } from '@sluice/job';
import { startRedis, startRedisCluster } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { createFile, deleteFile } from './files.ts';
import { SLOT_NUMBERS } from './keys.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { placeOf, readRows, unlist } from './lists.ts';
import type { ListRow, Reading } from './lists.ts';

let server: TestRedis;
let ledger: Ledger;
before(async () => {
  server = await startRedis();
  ledger = openLedger(connectRedis(server.url, 'background'), 'test');
});
after(async () => {
  ledger.redis.disconnect();
  await server.stop();
});

type Listed = ListRow & { tenant: string };

/** Lists them as accept-record does. */
async function list(rows: readonly Listed[]): Promise<void> {
  const { redis, keys } = ledger;
  for (const { id, at, tenant } of rows) {
    await redis.zadd(keys.list({ kind: 'files', tenant }, slotOf(id)), at, id);
    await redis.zadd(keys.listed('files', slotOf(id)), 'GT', at, tenant);
  }
}

async function unlistAll(rows: readonly Listed[]): Promise<void> {
  for (const { id, tenant } of rows) await unlist(ledger, { kind: 'files', tenant }, { ids: [id] });
}

/** Page after page, each behind the last row of the one before. */
async function walk(reading: Reading, limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (let from: ListRow | null = null; ;) {
    const rows: ListRow[] = await readRows(ledger, reading, { from, limit });
    ids.push(...rows.map(({ id }) => id));
    if (rows.length < limit) return ids;
    from = await placeOf(ledger, reading, ids.at(-1) as string);
    assert.notEqual(from, null);
  }
}

const rowsArbitrary = fc.array(
  fc.record({
    // Few slots, tenants and moments, so that rows tie and lists are uneven.
    id: fc
      .tuple(fc.constantFrom(0, 3, 15), fc.uint8Array({ minLength: 16, maxLength: 16 }))
      .map(([slot, bytes]) => `file-${slot.toString(16)}${makeId('job', bytes).slice(5)}`),
    at: fc.constantFrom(1, 2, 3, 4, 1_000),
    tenant: fc.constantFrom('a', 'b', 'c'),
  }),
  { maxLength: 60 },
);

test('pages of any size hold each row once, in order, for a tenant and for all of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      rowsArbitrary,
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('asc' as const, 'desc' as const),
      fc.constantFrom('a', 'b', null),
      async (rows, limit, order, tenant) => {
        const unique = [...new Map(rows.map((row) => [row.id, row])).values()];
        for (const { id, tenant: of } of unique)
          await ledger.redis.hset(ledger.keys.file(id), 'tenant', of);
        await list(unique);
        const found = await walk({ kind: 'files', tenant, order }, limit);
        const mine = unique.filter((row) => tenant === null || row.tenant === tenant);
        const sorted = mine.toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
        const expected = (order === 'asc' ? sorted : sorted.toReversed()).map(({ id }) => id);
        assert.deepEqual(found, expected);
        await unlistAll(unique);
      },
    ),
    { numRuns: 60 },
  );
  for (const slot of SLOT_NUMBERS)
    assert.equal(await ledger.redis.exists(ledger.keys.listed('files', slot)), 0);
});

test('another tenant’s object is in no place of one’s list', async () => {
  const row = { id: makeId('file', randomBytes(16)), at: 5, tenant: 'a' };
  await ledger.redis.hset(ledger.keys.file(row.id), 'tenant', 'a');
  await list([row]);
  const files = { kind: 'files', order: 'asc' } as const;
  const place = { id: row.id, at: 5 };
  assert.equal(await placeOf(ledger, { ...files, tenant: 'b' }, row.id), null);
  assert.deepEqual(await placeOf(ledger, { ...files, tenant: 'a' }, row.id), place);
  assert.deepEqual(await placeOf(ledger, { ...files, tenant: null }, row.id), place);
  await unlistAll([row]);
});

test('a Cluster serves the same scripts: every key they touch has the hash tag of the slot', async () => {
  const cluster = await startRedisCluster();
  const single = ledger;
  ledger = openLedger(connectRedis(cluster.url, 'background'), 'test');
  try {
    const rows = SLOT_NUMBERS.map((slot) => ({
      id: `file-${slot.toString(16)}${makeId('job', randomBytes(16)).slice(5)}`,
      at: slot % 3,
      tenant: slot % 2 ? 'a' : 'b',
    }));
    for (const { id, at, tenant } of rows)
      await createFile(ledger, {
        id,
        tenant,
        bytes: 1,
        createdAt: at,
        filename: 'f',
        purpose: 'batch',
        expiresAt: null,
        storeName: id,
      });
    for (const tenant of ['a', null]) {
      const found = await walk({ kind: 'files', tenant, order: 'desc' }, 3);
      assert.equal(found.length, tenant === null ? 16 : 8);
    }
    for (const row of rows) assert.equal((await deleteFile(ledger, row)).kind, 'deleted');
    assert.deepEqual(await walk({ kind: 'files', tenant: null, order: 'asc' }, 3), []);
  } finally {
    ledger.redis.disconnect();
    ledger = single;
    await cluster.stop();
  }
});
