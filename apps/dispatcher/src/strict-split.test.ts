/** A `split` with `strict`: single jobs find room by arm, what is tried again stays with its arm, and how long a batch takes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lotOf } from '@sluice/balancing';
import { readBatch, readWaiting } from '@sluice/ledger';
import type { OutcomeMeta } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { AloneBook } from './alone-book.ts';
import { Chooser } from './chooser.ts';
import { drainingOf } from './draining.ts';
import { TAIL_MS } from './due.ts';
import { drainingOfLines, fleetOf, halves, pictureOf } from './example-fleet.ts';
import { LengthsBook } from './lengths-book.ts';
import { readOrigins, retriesOf } from './line-retries.ts';
import { Placer } from './placer.ts';
import { planRound } from './planner.ts';
import { Desk } from './test-desk.ts';
import { TurnBook } from './turn-book.ts';

const STRICT = halves(', strict: true');
const DEPTH = { depthMs: 1_000, unlimitedDepth: 100, chunkMs: 100, chunkJobs: 32 };
const LINES = { shape: '1.1', lines: 400, characters: 400, maxOutput: 16 };

let desk: Desk;
before(async () => {
  desk = await Desk.open();
});
after(() => desk.close());

test('a job whose arm has room is placed, whoever waits before it', async () => {
  const fleet = fleetOf(STRICT.replace('rpm: 600 ', 'rpm: 60 '));
  const now = (): number => desk.time;
  const picture = pictureOf(fleet, desk.time);
  const placer = new Placer({
    ledger: desk.ledger,
    chooser: new Chooser({ fleet, picture, depth: DEPTH, now, random: Math.random }),
    turns: new TurnBook({ fleet, tenants: [], linesOut: () => 0, linesWaiting: () => 0, now }),
    picture,
    lengths: new LengthsBook(now),
    queue: () => desk.run,
    leaderToken: 1,
    now,
    onMore: () => undefined,
    onWaiting: () => undefined,
    feed: () => ({ takeTurn: () => null, end: () => undefined }),
    onLate: () => Promise.resolve(),
    onError: (what, error) => assert.fail(`${what}: ${String(error)}`),
  });
  const ids = await Promise.all(Array.from({ length: 40 }, () => desk.acceptedJob()));
  const slow = ids.filter((id) => lotOf(id) < 0.5);
  assert.ok(slow.length > 5 && slow.length < 35, `${slow.length}`);
  const placing = ids.map((id) => placer.place({ id, epoch: 0 }));
  const onItsWay = async () => {
    const all = await Promise.all(ids.map((id) => readWaiting(desk.ledger, id)));
    return all.flatMap((one) => (one && one.deployment !== '' ? [one] : []));
  };
  const placedNow = await until('all but those who wait for `mini`', async () => {
    const placed = await onItsWay();
    return (
      placed.filter(({ deployment }) => deployment === 'other').length ===
        ids.length - slow.length && placed
    );
  });
  for (const { id, deployment } of placedNow)
    assert.equal(deployment, slow.includes(id) ? 'mini' : 'other');
  await until('nobody else to wait', async () => placer.waiting < slow.length);
  assert.ok(placer.waiting >= slow.length - 2, `${placer.waiting} of ${slow.length}`);
  await placer.close();
  await Promise.all(placing);
});

test('lines that are tried again draw the same arm: their lot travels with them', async () => {
  const { batch, chunk } = await desk.fedBatch(2);
  await desk.ledger.redis.hset(desk.ledger.keys.chunk(chunk), 'lot', '0.75');
  assert.equal((await readWaiting(desk.ledger, chunk))?.lot, 0.75);
  const origin = (await readOrigins(desk.ledger, [{ chunk, places: [0] }])).get(chunk);
  assert.ok(origin);
  const meta = {
    place: 0,
    outcome: 'network',
    attempts: [] as unknown[],
    endedAt: 0,
  } as OutcomeMeta;
  const verdict = {
    kind: 'retry' as const,
    where: 'here' as const,
    notBeforeMs: 0,
    minTier: 1,
    exclude: [],
  };
  const facts = { origin, streamId: '1-0', now: desk.time, expiresAt: desk.time + 60_000 };
  const [retry] = retriesOf([{ meta, verdict }], facts);
  assert.deepEqual([retry?.chunk.batch, retry?.chunk.lot], [batch, 0.75]);
});

const now = (): number => 1_000;

test('how long a batch takes alone goes by the arm that is slowest for its percentage', async () => {
  const fleet = fleetOf(STRICT);
  const picture = pictureOf(fleet, now());
  const ports = {
    fleet,
    picture,
    lengths: new LengthsBook(now),
    usable: () => true,
    waitingSince: now,
    now,
  };
  const alone = new AloneBook({ ...ports, eligible: () => null });
  const batch = drainingOfLines([LINES]);
  await alone.look([batch]);
  // 200 lines at ten a second, of which a second's may go at once, and the margin of the pacers.
  const ms = alone.aloneMs(batch) ?? assert.fail();
  assert.ok(ms >= 19_000 && ms <= 20_500, `${ms}`);
});

const nothing = (): void => undefined;
const all = (): boolean => true;
const withoutMini = (id: string): boolean => id !== 'mini';

/** What a round says of a batch of 400 lines while only some deployments take calls: when it will be done, ms from now. */
async function etaMs(text: string, usable: (id: string) => boolean): Promise<number | null> {
  const { batch } = await desk.fedBatch(2);
  const { ledger, time } = desk;
  const { of } = drainingOfLines([LINES]).classes[0] ?? assert.fail();
  await ledger.redis.hset(ledger.keys.batch(batch), { classes: JSON.stringify([of]) });
  const stored = (await readBatch(ledger, batch)) ?? assert.fail();
  const fleet = fleetOf(text);
  const clock = (): number => time;
  const known = { fleet, picture: pictureOf(fleet, time), lengths: new LengthsBook(clock) };
  const problem = { ...known, eligible: () => null, usable, waitingSince: clock, now: clock };
  const draining = { ...drainingOf(stored), planned: true };
  await planRound({
    ...problem,
    ledger,
    limited: { shapingOf: () => null, singlesOf: () => Promise.resolve(new Map()) },
    feeder: {
      batches: [batch],
      draining: [draining],
      find: () => draining,
      recorded: nothing,
      setAside: () => undefined,
      remove: nothing,
      settle: nothing,
      setUrgent: nothing,
    },
    book: { plan: { finishMs: {}, pairs: [], rows: [], plannedMs: 0 } as never, madeAt: time },
    again: { heldOf: () => null },
    alone: new AloneBook(problem),
    weightOf: () => 1,
    events: desk.ports.events,
  });
  const eta = (await readBatch(ledger, batch))?.etaAt ?? null;
  return eta === null ? null : eta - time;
}

test('when a batch will be done goes by its slowest arm; without one of its arms it stands still', async () => {
  const ms = (await etaMs(STRICT, all)) ?? assert.fail();
  // 200 lines at ten a second and the usual ratio; two lines or more are fed already.
  assert.ok(ms > 18_500 && ms < 21_500, `${ms}`);
  assert.equal(await etaMs(halves(''), all), TAIL_MS, 'else the plan alone says it: now');
  assert.equal(await etaMs(STRICT, withoutMini), null);
  assert.equal(await etaMs(halves(''), withoutMini), TAIL_MS);
});
