/** The life of a batch's lines through the scripts, against a real Redis: fed once, counted once, ended once. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { makeId, slotOf } from '@sluice/job';
import { createBatch, moveBatch, readBatch, readExtents } from './batches.ts';
import type { Extent } from './batches.ts';
import { claimEntry, storeOutcomes } from './calling.ts';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { encodeOutcomes } from './outcome-fields.ts';
import type { OutcomeMeta } from './outcome-fields.ts';
import { dropChunk, feedChunks, openChunks, placeEntry, readWaiting } from './placing.ts';
import type { NewChunk } from './placing.ts';
import { finishBatch, holdRecorder, outcomesLeft, readOutcomes } from './recording.ts';
import { recordLines } from './recording-lines.ts';
import type { LinesEntry, LinesRecord, LinesRetry } from './recording-lines.ts';

let redis: TestRedis;
let ledger: Ledger;

before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test', {
    usage: { keepSeconds: 60, metadataKeys: [], metadataValues: 1 },
  });
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

const NOW = 1_000_000;

const claim = (id: string, epoch: number, over = {}) =>
  claimEntry(ledger, { id, epoch, holder: 'w1', now: NOW, leaseMs: 1_000, ...over });

const meta = (over: Partial<OutcomeMeta> = {}): OutcomeMeta => ({
  place: 0,
  line: 0,
  outcome: 'ok',
  statusCode: 200,
  deployment: 'mini',
  usage: { input_tokens: 10, cached_tokens: 0, output_tokens: 5, reasoning_tokens: 0 },
  costUsd: 0.25,
  retryAfterMs: null,
  message: null,
  attempts: [],
  tries: 0,
  endedAt: NOW,
  ...over,
});

async function outcomesOf(id: string) {
  const reader = connectRedis(redis.url, 'blocking');
  const from = new Map([[slotOf(id), '0']]);
  const all = await readOutcomes(reader, ledger, { from, count: 100, blockMs: 10 });
  reader.disconnect();
  return all.filter((outcome) => outcome.id === id || outcome.id.startsWith(`${id}~`));
}

async function draining(lines: number): Promise<string> {
  const id = makeId('batch', randomBytes(16));
  await createBatch(
    ledger,
    {
      id,
      tenant: 'default',
      endpoint: '/v1/chat/completions',
      inputFileId: 'file-0',
      completionWindow: '24h',
      createdAt: NOW,
      expiresAt: NOW + 60_000,
      priority: 'low',
      metadata: null,
      webhookUrl: null,
      maxTier: null,
      maxCostUsd: null,
      outputExpiresAfter: null,
      retryOf: null,
    },
    { checkAt: NOW, idempotency: null },
  );
  await moveBatch(ledger, id, { from: ['validating'], to: 'in_progress', set: { total: lines } });
  return id;
}

const chunk = (batch: string, id: string, lines: number[]): NewChunk => ({
  id: `${batch}~${id}`,
  batch,
  tenant: 'default',
  pool: 'fast',
  deployment: 'mini',
  tier: 1,
  epoch: 1,
  lines: lines.map((line) => [line, line * 100, 90, 40, -1]),
  formats: 1,
  priority: 'low',
  createdAt: NOW,
  deadlineAt: NOW + 60_000,
});

const feed = (batch: string, chunks: NewChunk[], cursor = 0, over = {}) =>
  feedChunks(ledger, {
    batch,
    class: 0,
    cursor,
    newCursor: cursor + chunks.reduce((sum, one) => sum + one.lines.length, 0),
    chunks,
    checkAt: NOW + 15_000,
    leaderToken: 1,
    ...over,
  });

const one = (over: Partial<LinesEntry> & Pick<LinesEntry, 'streamId' | 'chunk'>): LinesEntry => ({
  bytes: 10,
  deployment: 'mini',
  attempts: 1,
  failedAttempts: 0,
  usage: { input: 1, cached: 0, output: 2, reasoning: 0 },
  costUsd: 0.5,
  unpriced: 1,
  unanswered: 2,
  byDeployment: { mini: 1 },
  lines: [],
  retries: [],
  ...over,
});

const record = (batch: string, entries: LinesEntry[], start = 0, name = 's'): LinesRecord => ({
  batch,
  holder: 'r1',
  now: NOW,
  segment: { name, start },
  entries,
});

async function answer(
  batch: string,
  id: string,
  places: number[],
  writeId: string,
): Promise<string> {
  const slot = slotOf(batch);
  await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
  const metas = places.map((place) => meta({ place, line: place + 1 }));
  const fields = encodeOutcomes(
    metas,
    places.map((place) => `row${place}`),
  );
  await storeOutcomes(ledger, slot, [{ id: `${batch}~${id}`, epoch: 1, places, fields }], {
    writer: `${batch} ${writeId}`,
    id: 1,
  });
  const all = await outcomesOf(batch);
  return all.at(-1)?.streamId as string;
}

const retryOf = (batch: string): LinesRetry => ({
  places: [0],
  chunk: {
    ...chunk(batch, 'r1', [1]),
    epoch: 0,
    deployment: '',
    history: [{ tries: 1, attempts: '{}', since: NOW }],
  },
  checkAt: NOW,
  notBefore: NOW + 5,
});

const ending = (id: string, from: string, to: 'completed' | 'cancelled') => ({
  id,
  from: [from],
  to,
  now: NOW,
  eventId: 'e',
  keepSeconds: 5,
  extents: null as Extent[] | null,
  pool: 'fast',
  lapsesAt: NOW,
  set: {},
});

describe('a batch', () => {
  test('is fed once, also when that is sent again: a cursor that moved, a pause and a cancellation are refused', async () => {
    const batch = await draining(10);
    assert.equal(await feed(batch, [chunk(batch, '0.0', [1, 2])]), 'fed');
    assert.equal(await feed(batch, [chunk(batch, '0.0', [1, 2])]), 'fed');
    assert.equal(await feed(batch, [chunk(batch, '0.0', [1, 3])]), 'moved');
    await moveBatch(ledger, batch, { from: ['in_progress'], set: { paused: '1' } });
    assert.equal(await feed(batch, [chunk(batch, '0.2', [3])], 2), 'not_draining');
    assert.equal((await readBatch(ledger, batch))?.fed, 2);
    assert.equal((await openChunks(ledger, batch)).length, 1);
  });

  test('a redelivered chunk calls only what has no outcome', async () => {
    const batch = await draining(3);
    await feed(batch, [chunk(batch, '0.0', [1, 2, 3])]);
    await claim(`${batch}~0.0`, 1);
    await answer(batch, '0.0', [1], 'w');
    const again = await claim(`${batch}~0.0`, 1, { holder: 'w2', now: NOW + 5_000 });
    assert.ok(again.kind === 'claimed' && again.entry.kind === 'chunk');
    assert.deepEqual([...again.entry.answered], [1]);
  });

  test('is counted once however often an answer comes, and is ready when the last line is recorded', async () => {
    const batch = await draining(3);
    await feed(batch, [chunk(batch, '0.0', [1, 2]), chunk(batch, '0.2', [3])]);
    const id = `${batch}~0.0`;
    const lines = [{ line: 1, ok: true, place: 0 }];
    const first = record(batch, [
      one({ streamId: await answer(batch, '0.0', [0], 'a'), chunk: id, lines }),
    ]);
    assert.deepEqual(await recordLines(ledger, { ...first, holder: 'r2' }), {
      kind: 'not_recorder',
    });
    assert.deepEqual(await recordLines(ledger, first), {
      kind: 'recorded',
      fresh: 1,
      recorded: 1,
      total: 3,
      status: 'in_progress',
      tenant: 'default',
      usd: 0.5,
    });
    assert.deepEqual(await recordLines(ledger, first), { kind: 'before' });
    const twice = one({ streamId: await answer(batch, '0.0', [0], 'b'), chunk: id, lines });
    const again = await recordLines(ledger, record(batch, [twice], 10));
    assert.ok(again.kind === 'recorded' && again.fresh === 0);
    assert.ok((await openChunks(ledger, batch)).includes(id), 'line 2 is still to come');
    const last = [
      one({
        streamId: await answer(batch, '0.0', [1], 'c'),
        chunk: id,
        bytes: 3,
        lines: [{ line: 2, ok: true, place: 1 }],
      }),
      one({
        streamId: await answer(batch, '0.2', [0], 'd'),
        chunk: `${batch}~0.2`,
        bytes: 2,
        lines: [{ line: 3, ok: false, place: 0 }],
      }),
    ];
    assert.deepEqual(await recordLines(ledger, record(batch, last, 0, 't')), {
      kind: 'recorded',
      fresh: 2,
      recorded: 3,
      total: 3,
      status: 'finalizing',
      tenant: 'default',
      usd: 1,
    });
    const stored = await readBatch(ledger, batch);
    assert.equal(stored?.completed, 2);
    assert.equal(stored?.failed, 1);
    // Four attempts were paid for, two of them for the same line.
    assert.deepEqual([stored?.costUsd, stored?.unpriced, stored?.unanswered], [2, 4, 8]);
    assert.deepEqual(await openChunks(ledger, batch), []);
    assert.deepEqual(await readExtents(ledger, batch), [
      { segment: 's', start: 0, end: 20 },
      { segment: 't', start: 0, end: 5 },
    ]);
    assert.equal(await finishBatch(ledger, ending(batch, 'finalizing', 'completed')), 'ended');
    assert.equal(await finishBatch(ledger, ending(batch, 'finalizing', 'completed')), 'had_ended');
  });

  test('recording a superset of what is recorded counts each entry once: tokens, cost, lines, rows', async () => {
    const batch = await draining(4);
    await feed(batch, [chunk(batch, '0.0', [1, 2, 3, 4])]);
    const entries: LinesEntry[] = [];
    for (const place of [0, 1, 2]) {
      entries.push(
        one({
          streamId: await answer(batch, '0.0', [place], `w${place}`),
          chunk: `${batch}~0.0`,
          lines: [{ line: place + 1, ok: place !== 1, place }],
        }),
      );
    }
    await recordLines(ledger, record(batch, entries.slice(1, 2)));
    await recordLines(ledger, record(batch, entries, 100));
    assert.deepEqual(await recordLines(ledger, record(batch, entries, 200)), { kind: 'before' });
    const stored = await readBatch(ledger, batch);
    assert.deepEqual(stored?.usage, { input: 3, cached: 0, output: 6, reasoning: 0 });
    assert.equal(stored.costUsd, 1.5);
    assert.equal(stored.unpriced, 3);
    assert.deepEqual([stored.completed, stored.failed], [2, 1]);
    assert.deepEqual(stored.byDeployment, { mini: 3 });
    assert.deepEqual(await readExtents(ledger, batch), [
      { segment: 's', start: 0, end: 10 },
      { segment: 's', start: 100, end: 110 },
      { segment: 's', start: 120, end: 130 },
    ]);
  });

  test('that has ended keeps its counts and rows; a late answer adds only its cost', async () => {
    const batch = await draining(2);
    await feed(batch, [chunk(batch, '0.0', [1, 2])]);
    await claim(`${batch}~0.0`, 1);
    await moveBatch(ledger, batch, { from: ['in_progress'], to: 'cancelling' });
    const lapsed = { id: `${batch}~0.0`, batch };
    assert.equal(await dropChunk(ledger, lapsed, NOW + 500), 'called');
    assert.equal(await dropChunk(ledger, lapsed, NOW + 1_500), 'dropped');
    assert.equal(await finishBatch(ledger, ending(batch, 'cancelling', 'cancelled')), 'ended');
    const asEnded = await readBatch(ledger, batch);
    const late = one({
      streamId: await answer(batch, '0.0', [0, 1], 'late'),
      chunk: lapsed.id,
      lines: [
        { line: 1, ok: true, place: 0 },
        { line: 2, ok: false, place: 1 },
      ],
    });
    const recorded = await recordLines(ledger, record(batch, [late]));
    assert.ok(recorded.kind === 'recorded' && recorded.fresh === 0);
    assert.ok(asEnded);
    const paidFor = { ...asEnded, costUsd: 0.5, unpriced: 1, unanswered: 2 };
    assert.deepEqual(await readBatch(ledger, batch), paidFor);
    assert.deepEqual(await readExtents(ledger, batch), []);
    assert.equal(await ledger.redis.exists(ledger.keys.seen(batch)), 0);
    assert.equal((await outcomesOf(batch)).length, 0, 'it has left the stream');
  });

  test('does not end with files that lack a line recorded meanwhile', async () => {
    const batch = await draining(2);
    await feed(batch, [chunk(batch, '0.0', [1, 2])]);
    const line = async (place: number) =>
      one({
        streamId: await answer(batch, '0.0', [place], `w${place}`),
        chunk: `${batch}~0.0`,
        lines: [{ line: place + 1, ok: true, place }],
      });
    await recordLines(ledger, record(batch, [await line(0)]));
    const extents = await readExtents(ledger, batch);
    await moveBatch(ledger, batch, { from: ['in_progress'], to: 'cancelling' });
    const end = { ...ending(batch, 'cancelling', 'cancelled'), extents };
    await recordLines(ledger, record(batch, [await line(1)], 10));
    assert.equal(await finishBatch(ledger, end), 'outdated');
    const now = await readExtents(ledger, batch);
    assert.equal(await finishBatch(ledger, { ...end, extents: now }), 'ended');
  });

  test('records whatever its answers say they used', async () => {
    const batch = await draining(2);
    await feed(batch, [chunk(batch, '0.0', [1, 2])]);
    await claim(`${batch}~0.0`, 1);
    for (const [place, count] of [1e18, Number.NaN].entries()) {
      const line = { line: place + 1, ok: true, place };
      const entry = one({
        streamId: await answer(batch, '0.0', [place], `w${place}`),
        chunk: `${batch}~0.0`,
        usage: { input: count, cached: 5.5, output: count, reasoning: 0 },
        costUsd: count,
        lines: [line],
      });
      assert.equal(
        (await recordLines(ledger, record(batch, [entry], 10 * place))).kind,
        'recorded',
      );
    }
    const { completed, status } = (await readBatch(ledger, batch)) ?? {};
    assert.deepEqual([completed, status], [2, 'finalizing']);
  });

  test('that winds down waits for the answers that lay in the stream then, and for no others', async () => {
    const batch = await draining(1);
    await feed(batch, [chunk(batch, '0.0', [1])]);
    const key = ledger.keys.outcomes(slotOf(batch));
    await ledger.redis.del(key);
    const own = await answer(batch, '0.0', [0], 'own');
    assert.equal(await outcomesLeft(ledger, batch), true);
    const another = await ledger.redis.xadd(key, '*', 'id', 'another', 'e', '1');
    assert.equal(await outcomesLeft(ledger, batch), true);
    await ledger.redis.xdel(key, own);
    assert.equal(await outcomesLeft(ledger, batch), false, 'what another batch brought is its own');
    await ledger.redis.xdel(key, another as string);
    assert.equal(await outcomesLeft(ledger, batch), false);
  });

  test('that is being cancelled retries nothing', async () => {
    const batch = await draining(1);
    await feed(batch, [chunk(batch, '0.0', [1])]);
    await moveBatch(ledger, batch, { from: ['in_progress'], to: 'cancelling' });
    const failed = one({
      streamId: await answer(batch, '0.0', [0], 'a'),
      chunk: `${batch}~0.0`,
      bytes: 0,
      retries: [retryOf(batch)],
    });
    await recordLines(ledger, record(batch, [failed]));
    assert.deepEqual(await openChunks(ledger, batch), []);
    assert.equal((await readBatch(ledger, batch))?.failed, 0);
  });

  test('a failed line goes on in a chunk of its own, once', async () => {
    const batch = await draining(2);
    await feed(batch, [chunk(batch, '0.0', [1, 2])]);
    const origin = `${batch}~0.0`;
    const retries = [retryOf(batch)];
    const id = `${batch}~r1`;
    const failure = async (writeId: string) =>
      record(batch, [
        one({
          streamId: await answer(batch, '0.0', [0], writeId),
          chunk: origin,
          bytes: 0,
          retries,
        }),
      ]);
    await recordLines(ledger, await failure('a'));
    assert.deepEqual((await openChunks(ledger, batch)).toSorted(), [origin, id].toSorted());
    await placeEntry(ledger, {
      id,
      epoch: 0,
      deployment: 'other',
      tier: 1,
      checkAt: NOW,
      leaderToken: 1,
      now: NOW,
    });
    await recordLines(ledger, await failure('b'));
    assert.equal((await readWaiting(ledger, id))?.epoch, 1, 'the second failure did not reset it');
  });

  test('failed lines go on although one among them has ended meanwhile', async () => {
    const batch = await draining(2);
    await feed(batch, [chunk(batch, '0.0', [1, 2])]);
    const origin = `${batch}~0.0`;
    const lines = [{ line: 1, ok: true, place: 0 }];
    const ended = one({ streamId: await answer(batch, '0.0', [0], 'a'), chunk: origin, lines });
    const both = { ...retryOf(batch), places: [0, 1] };
    const failed = one({
      streamId: await answer(batch, '0.0', [0, 1], 'b'),
      chunk: origin,
      bytes: 0,
      retries: [{ ...both, chunk: { ...both.chunk, lines: chunk(batch, '', [1, 2]).lines } }],
    });
    await recordLines(ledger, record(batch, [ended, failed]));
    assert.deepEqual(await openChunks(ledger, batch), [`${batch}~r1`]);
  });
});
