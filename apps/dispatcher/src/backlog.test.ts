/** What waits in the ledger is fetched as its turn comes, never all of it; nothing needs a queue entry to be found. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Admission } from '@sluice/admission';
import { KNOWN_WINDOW } from '@sluice/budget';
import { countBacklog, endJob, readShares, readWaiting } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { Backlog } from './backlog.ts';
import { Chooser } from './chooser.ts';
import { LengthsBook } from './lengths-book.ts';
import { Picture } from './picture.ts';
import { Placer } from './placer.ts';
import { Desk } from './test-desk.ts';
import { TurnBook } from './turn-book.ts';

let desk: Desk;
let admission: Admission;
before(async () => {
  desk = await Desk.open();
  const { redis } = desk.ledger;
  admission = new Admission({ redis, prefix: 'test', fleet: desk.fleet, pacing: KNOWN_WINDOW });
});
after(async () => {
  admission.close();
  await desk.close();
});

const failing = (what: string, error: unknown): never => assert.fail(`${what}: ${String(error)}`);

/** A placer and its backlog; nothing has room until the picture has been looked at. */
function placing(onError: (what: string, error: unknown) => void = failing) {
  const { fleet, ledger } = desk;
  const now = (): number => desk.time;
  const picture = new Picture(fleet);
  const depth = { depthMs: 1_000, unlimitedDepth: 1_000, chunkMs: 100, chunkJobs: 100 };
  const placer = new Placer({
    ledger,
    chooser: new Chooser({ fleet, picture, depth, now, random: () => 0.5 }),
    turns: new TurnBook({ fleet, tenants: [], linesOut: () => 0, linesWaiting: () => 0, now }),
    picture,
    lengths: new LengthsBook(now),
    queue: () => desk.run,
    leaderToken: 1,
    now,
    feed: () => ({ takeTurn: () => null, end: () => undefined }),
    onMore: (waiting) => backlog.mayHaveMore(waiting),
    onWaiting: (waiting, waits) => (waits ? backlog.waits(waiting) : backlog.left(waiting)),
    onLate: () => Promise.resolve(),
    onError,
  });
  const backlog = new Backlog({ ledger, placer, now, onError });
  return { picture, placer, backlog };
}

/** Deployments as they stand once their slow start is over. */
async function openLoads() {
  const loads = await admission.read();
  return new Map([...loads].map(([id, load]) => [id, { ...load, slots: [] }]));
}

const waitingShares = async (): Promise<number> =>
  (await readShares(desk.ledger, [], 10)).keys.size;

test('a flood waits in the ledger, 64 of it in memory, and all of it is placed in the end', async () => {
  const ids = await Promise.all(Array.from({ length: 300 }, () => desk.acceptedJob()));
  const { picture, placer, backlog } = placing();
  await backlog.look();
  await until('some wait in memory', () => placer.waiting >= 32);
  for (let i = 0; i < 5; i++) {
    desk.time += 1_000;
    await backlog.look();
  }
  assert.ok(placer.waiting <= 64, `${placer.waiting} in memory`);
  picture.update(await openLoads(), desk.time);
  placer.pump();
  await until('all are placed', async () => {
    desk.time += 25;
    await backlog.look();
    return (await waitingShares()) === 0;
  });
  for (const id of ids) assert.equal((await readWaiting(desk.ledger, id))?.epoch, 1);
  await backlog.close();
  await placer.close();
});

test('what the leader before had in memory is found by the next one', async () => {
  const id = await desk.acceptedJob();
  const first = placing();
  await first.backlog.look();
  await until('it waits in memory', () => first.placer.has(id));
  await first.backlog.close();
  await first.placer.close();
  assert.equal((await readWaiting(desk.ledger, id))?.epoch, 0);
  const second = placing();
  second.picture.update(await openLoads(), desk.time);
  await second.backlog.look();
  await until('it is placed', async () => (await readWaiting(desk.ledger, id))?.epoch === 1);
  await second.backlog.close();
  await second.placer.close();
});

test('a member whose job is gone leaves the backlog', async () => {
  const id = await desk.acceptedJob();
  await desk.ledger.redis.del(desk.ledger.keys.job(id));
  assert.equal(await waitingShares(), 1);
  const { picture, placer, backlog } = placing();
  picture.update(await openLoads(), desk.time);
  desk.time += 1_000;
  await until('it is forgotten', async () => {
    desk.time += 1_000;
    await backlog.look();
    return (await waitingShares()) === 0;
  });
  const end = { status: 'cancelled', now: desk.time, message: '', eventId: 'e' } as const;
  assert.equal(await endJob(desk.ledger, id, { ...end, keepSeconds: 9 }), 'missing');
  await backlog.close();
  await placer.close();
});

test('what a full Redis would not move waits on in the ledger, and is placed when there is room again', async () => {
  const { redis } = desk.ledger;
  const ids = await Promise.all(Array.from({ length: 20 }, () => desk.acceptedJob()));
  const refused: string[] = [];
  const { picture, placer, backlog } = placing((_what, error) => refused.push(String(error)));
  picture.update(await openLoads(), desk.time);
  await redis.config('SET', 'maxmemory', '1');
  try {
    await backlog.look();
    await until('all are refused', () => refused.length === ids.length && placer.waiting === 0);
    assert.match(refused[0] ?? '', /OOM/);
    await backlog.look();
    await backlog.close();
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  assert.equal(await countBacklog(desk.ledger), ids.length);
  assert.equal(refused.length, ids.length, 'it is not asked again at once');
  await placer.close();
  const next = placing();
  next.picture.update(await openLoads(), desk.time);
  await until('all are placed', async () => {
    desk.time += 1_000;
    await next.backlog.look();
    return (await countBacklog(desk.ledger)) === 0;
  });
  for (const id of ids) assert.equal((await readWaiting(desk.ledger, id))?.epoch, 1);
  await next.backlog.close();
  await next.placer.close();
});
