/** Placing and looking after, against a real Redis and real queues: deadlines are kept, an ended term moves nothing. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Admission } from '@sluice/admission';
import { KNOWN_WINDOW } from '@sluice/budget';
import { slotOf } from '@sluice/job';
import type { Tenant } from '@sluice/job';
import type { Ledger } from '@sluice/ledger';
import {
  checkLater,
  claimEntry,
  handBack,
  moveBatch,
  openChunks,
  raiseToken,
  readBatch,
  readJob,
  readOverdue,
  readWaiting,
} from '@sluice/ledger';
import type { EntryData } from '@sluice/queues';
import { makePlan } from '@sluice/planning';
import type { Plan } from '@sluice/planning';
import { until } from '@sluice/testing';
import type { Queue } from 'bullmq';
import type { Held } from './again-book.ts';
import { Chooser } from './chooser.ts';
import { drainingOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { expireJob } from './expire.ts';
import { LengthsBook } from './lengths-book.ts';
import { Picture } from './picture.ts';
import { Placer } from './placer.ts';
import type { PlacerPorts } from './placer.ts';
import { exampleClass, fleetOf, pictureOf } from './example-fleet.ts';
import { LINES } from './line-feeding.ts';
import { NOWHERE } from './paid-again.ts';
import type { PaidAgain } from './paid-again.ts';
import { planRound } from './planner.ts';
import { Desk } from './test-desk.ts';
import { Sweeper } from './sweeper.ts';
import type { SweeperPorts } from './sweeper.ts';
import { TurnBook } from './turn-book.ts';

let desk: Desk;
let admission: Admission;
let ready: Picture;
before(async () => {
  desk = await Desk.open();
  const { redis } = desk.ledger;
  admission = new Admission({ redis, prefix: 'test', fleet: desk.fleet, pacing: KNOWN_WINDOW });
});
beforeEach(async () => {
  ready = new Picture(desk.fleet);
  ready.update(await admission.read(), desk.time);
});
after(async () => {
  admission.close();
  await desk.close();
});

const placerOf = ({ picture = ready, ...over }: Partial<PlacerPorts> = {}): Placer =>
  new Placer({
    ledger: desk.ledger,
    chooser: new Chooser({
      fleet: desk.fleet,
      picture,
      depth: { depthMs: 1_000, unlimitedDepth: 100, chunkMs: 100, chunkJobs: 100 },
      now: () => desk.time,
      random: () => 0.5,
    }),
    turns: new TurnBook({
      fleet: desk.fleet,
      tenants: [],
      linesOut: () => 0,
      linesWaiting: () => 0,
      now: () => desk.time,
    }),
    picture,
    lengths: new LengthsBook(() => desk.time),
    queue: () => desk.run,
    leaderToken: 1,
    now: () => desk.time,
    onMore: () => undefined,
    onWaiting: () => undefined,
    feed: () => ({ takeTurn: () => null, end: () => undefined }),
    onLate: async (waiting) => {
      await expireJob({ ledger: desk.ledger, keepSeconds: 60, now: () => desk.time }, waiting);
    },
    onError: (what, error) => assert.fail(`${what}: ${String(error)}`),
    ...over,
  });

const sweeperOf = (placer: Placer, over: Partial<SweeperPorts> = {}): Sweeper =>
  new Sweeper({
    ledger: desk.ledger,
    placer,
    feeder: { add: () => undefined },
    queue: () => desk.run,
    known: () => true,
    step: () => Promise.resolve(),
    keepSeconds: 60,
    events: desk.ports.events,
    now: () => desk.time,
    ...over,
  });

/** The ledger over a connection that fares otherwise with moves. */
function movingBy(fares: (move: () => Promise<unknown>) => Promise<unknown>): Ledger {
  const { redis } = desk.ledger;
  const moving = (...args: unknown[]): Promise<unknown> =>
    fares(() => Reflect.apply(Reflect.get(redis, MOVE) as Command, redis, args));
  const other = Object.create(redis, { [MOVE]: { value: moving } }) as Ledger['redis'];
  return { ...desk.ledger, redis: other };
}

const MOVE = 'sluice_place_entry';
type Command = (...args: unknown[]) => Promise<unknown>;

const statusOf = async (id: string) => (await readJob(desk.ledger, id))?.status;

test('a job past its deadline is not placed, it expires', async () => {
  const id = await desk.acceptedJob(1_000);
  desk.time += 1_000;
  const full = placerOf({ picture: new Picture(desk.fleet) });
  assert.equal(await full.place({ id, epoch: 0 }), 'settled');
  assert.equal(await statusOf(id), 'expired');
});

test('a job whose deadline passes while it waits for room is not placed, it expires', async () => {
  const id = await desk.acceptedJob(1_000);
  const picture = new Picture(desk.fleet);
  const placer = placerOf({ picture });
  const placing = placer.place({ id, epoch: 0 });
  while (placer.waiting === 0 || (await readWaiting(desk.ledger, id)) === null);
  picture.update(await admission.read(), desk.time);
  desk.time += 1_000;
  placer.pump();
  assert.equal(await placing, 'settled');
  assert.equal(await statusOf(id), 'expired');
});

test('the sweeper ends it at its deadline, and it waits for room no longer', async () => {
  const id = await desk.acceptedJob(1_000);
  const placer = placerOf({ picture: new Picture(desk.fleet) });
  const placing = placer.place({ id, epoch: 0 });
  desk.time += 999;
  await sweeperOf(placer).sweep();
  assert.equal(await statusOf(id), 'queued');
  desk.time += 1;
  await sweeperOf(placer).sweep();
  assert.equal(await placing, 'settled');
  assert.equal(await statusOf(id), 'expired');
  assert.equal(placer.waiting, 0);
});

test('a call in flight at the deadline may end', async () => {
  const id = await desk.acceptedJob(1_000);
  const epoch = await desk.placed(id, 0);
  const claim = { id, epoch, holder: 'w', now: desk.time, leaseMs: 15_000 };
  await claimEntry(desk.ledger, claim);
  desk.time += 1_000;
  const sweeper = sweeperOf(placerOf());
  await sweeper.sweep();
  assert.equal(await statusOf(id), 'running');
  desk.time += 15_000;
  await sweeper.sweep();
  assert.equal(await statusOf(id), 'expired', 'its worker is gone');
});

test('many jobs with one deadline: the sweeper says that there are more', async () => {
  await Promise.all(Array.from({ length: 200 }, () => desk.acceptedJob(1_000)));
  desk.time += 1_000;
  const sweeper = sweeperOf(placerOf());
  let rounds = 1;
  while (!(await sweeper.sweep())) rounds++;
  const open = await Promise.all(
    Array.from({ length: 16 }, (_, slot) => desk.ledger.redis.zcard(desk.ledger.keys.check(slot))),
  );
  assert.equal(
    open.reduce((sum, count) => sum + count, 0),
    0,
  );
  assert.ok(rounds <= 5);
});

test('a term that ends while a record is read places nothing: the entry goes back', async () => {
  const id = await desk.acceptedJob();
  const placer = placerOf();
  const placing = placer.place({ id, epoch: 0 });
  await placer.close();
  assert.equal(await placing, 'closed');
  assert.equal((await readWaiting(desk.ledger, id))?.epoch, 0);
});

test('an entry that cannot be seen to is left to whoever brought it: nobody hears of it by a throw', async () => {
  const id = await desk.acceptedJob(1_000);
  desk.time += 1_000;
  const told: string[] = [];
  const placer = placerOf({
    onLate: () => Promise.reject(new Error('OOM')),
    onError: (what, error) => told.push(`${what}: ${String(error)}`),
  });
  assert.equal(await placer.place({ id, epoch: 0 }), 'failed');
  assert.deepEqual(told, ['placing: Error: OOM']);
  assert.equal(placer.waiting, 0);
});

test('a job that must wait for its tenant’s lines does not hold them up', async () => {
  const { chunk } = await desk.fedBatch(1);
  await desk.ledger.redis.hset(desk.ledger.keys.chunk(chunk), 'priority', 'normal');
  const id = await desk.acceptedJob(30_000);
  const waiting = { lines: 1 };
  const limited: Tenant = {
    id: 'default',
    weight: 1,
    keyHashes: [],
    pools: null,
    limits: { concurrency: 1 },
  };
  const turns = new TurnBook({
    fleet: desk.fleet,
    tenants: [limited],
    linesOut: () => 0,
    linesWaiting: () => waiting.lines,
    now: () => desk.time,
  });
  const picture = new Picture(desk.fleet);
  const seen: string[] = [];
  const placer = placerOf({ turns, picture, onWaiting: (one) => seen.push(one.id) });
  const job = placer.place({ id, epoch: 0 });
  await until('the job waits', () => seen.length === 1);
  const line = placer.place({ id: chunk, epoch: 1 });
  await until('the line waits', () => seen.length === 2);
  picture.update(await admission.read(), desk.time);
  placer.pump();
  assert.equal(await line, 'settled');
  assert.equal((await readWaiting(desk.ledger, chunk))?.epoch, 2);
  assert.equal((await readWaiting(desk.ledger, id))?.epoch, 0);
  waiting.lines = 0;
  placer.pump();
  assert.equal(await job, 'settled');
});

test('lines that come back are placed before those that their batch has not begun', async () => {
  const { batch, chunk } = await desk.fedBatch(1);
  const turns = new TurnBook({
    fleet: desk.fleet,
    tenants: [],
    linesOut: () => 0,
    linesWaiting: () => 0,
    now: () => desk.time,
  });
  const deadlineAt = (await readBatch(desk.ledger, batch))?.expiresAt ?? 0;
  turns.arrive({ id: `${LINES}low`, tenant: 'default', band: 'low', lane: 'lines', deadlineAt });
  const asked: string[] = [];
  const feed = () => ({
    takeTurn: () => {
      asked.push('lines');
      return null;
    },
    end: () => undefined,
  });
  const picture = new Picture(desk.fleet);
  const placer = placerOf({
    turns,
    picture,
    feed,
    onWaiting: ({ id: entry }, waits) => void asked.push(waits ? `${entry} waits` : entry),
  });
  const back = placer.place({ id: chunk, epoch: 1 });
  await until('it waits', () => asked.includes(`${chunk} waits`));
  picture.update(await admission.read(), desk.time);
  asked.length = 0;
  placer.pump();
  assert.equal(await back, 'settled');
  assert.deepEqual(asked.slice(0, 2), [chunk, 'lines']);
  await placer.close();
});

test('lines that their ceiling does not pay for wait for it, hold up nobody, and go when it does', async () => {
  const entries = [await desk.fedBatch(1), await desk.fedBatch(1)];
  const [dear, other] = entries.map(({ chunk }) => chunk) as [string, string];
  const picture = new Picture(desk.fleet);
  const told: string[] = [];
  let paid: PaidAgain = NOWHERE;
  const note = (what: string) => (waiting: { id: string }) =>
    void (waiting.id === dear && told.push(what));
  const placer = placerOf({
    picture,
    again: {
      paid: ({ id }) => (id === dear ? paid : null),
      hold: note('held'),
      placed: note('placed'),
      moved: note('moved'),
    },
  });
  const first = placer.place({ id: dear, epoch: 1 });
  const second = placer.place({ id: other, epoch: 1 });
  await until('both wait', () => [...placer.entries.again.values()].includes(2));
  picture.update(await admission.read(), desk.time);
  placer.pump();
  assert.equal(await second, 'settled');
  assert.deepEqual(told, ['held']);
  assert.equal(await first, 'settled', 'whoever brought it brings others');
  assert.ok(placer.has(dear));
  assert.equal(
    await placer.place({ id: dear, epoch: 1 }),
    'settled',
    'brought again it waits once',
  );
  placer.release([dear]);
  assert.deepEqual(told, ['held', 'held'], 'it is asked for again');
  paid = { ...NOWHERE, among: new Set(['other']) };
  placer.pump();
  assert.equal(told.length, 2, 'not before that is looked up');
  placer.release([dear]);
  await until('it is placed', () => told.includes('moved'));
  assert.deepEqual(told.slice(2), ['placed', 'moved']);
  assert.equal((await readWaiting(desk.ledger, dear))?.deployment, 'other');
  await placer.close();
});

test('of lines that travel together one passes the ceiling, and the others wait', async () => {
  const { batch, chunk } = await desk.fedBatch(3);
  const held: string[] = [];
  let out = 0;
  const placer = placerOf({
    again: {
      // Nothing of it is under way but what is placed here, and what is left pays for no line.
      paid: ({ jobs }) => ({
        among: new Set(),
        passing: out === 0 && jobs === 1 ? ['other'] : [],
        splits: out === 0 && jobs > 1,
      }),
      hold: ({ id }) => void held.push(id),
      placed: ({ jobs }) => void (out += jobs),
      moved: () => undefined,
    },
  });
  assert.equal(await placer.place({ id: chunk, epoch: 1 }), 'settled');
  await until('the others wait', () => held.length === 2);
  assert.equal(out, 1);
  const lines = [0, 1, 2].map((place) => `${chunk}.${place}`);
  const at = await Promise.all(lines.map((id) => readWaiting(desk.ledger, id)));
  const one = at.find((waiting) => waiting?.deployment === 'other');
  assert.ok(one && one.epoch === 1 && !held.includes(one.id), 'where it passes');
  out = 0;
  placer.release(held.splice(0));
  await until('the next is placed', () => out === 1);
  assert.equal(held.length, 1);
  assert.equal((await openChunks(desk.ledger, batch)).length, 3);
  await placer.close();
});

test('an older leader moves nothing: the entry goes back for the one that leads', async () => {
  const id = await desk.acceptedJob();
  await raiseToken(desk.ledger, 2);
  assert.equal(await placerOf({ leaderToken: 1 }).place({ id, epoch: 0 }), 'closed');
  assert.equal((await readWaiting(desk.ledger, id))?.epoch, 0);
  assert.equal(await placerOf({ leaderToken: 2 }).place({ id, epoch: 0 }), 'settled');
  assert.equal((await readWaiting(desk.ledger, id))?.epoch, 1);
});

test('closing waits for the moves under way, so that none is left without its queue entry', async () => {
  const id = await desk.acceptedJob();
  const ends: string[] = [];
  const closing: Promise<unknown>[] = [];
  const placer = placerOf({
    leaderToken: 2,
    queue: () => {
      // The move is made, its entry is still to be added.
      closing.push(placer.close().then(() => ends.push('closed')));
      return desk.run;
    },
  });
  await placer.place({ id, epoch: 0 }).then(() => ends.push('placed'));
  await Promise.all(closing);
  assert.deepEqual(ends, ['placed', 'closed']);
  assert.ok(await desk.run.getJob(`${id}-1`));
});

/** Ports of planning for one batch that drains. */
function planningOf(batch: string, draining: Draining) {
  return {
    ledger: desk.ledger,
    fleet: desk.fleet,
    picture: ready,
    lengths: new LengthsBook(() => desk.time),
    feeder: {
      batches: [batch],
      draining: [draining],
      find: () => draining,
      recorded: () => undefined,
      remove: () => undefined,
      setAside: () => undefined,
      settle: (): void => undefined,
      setUrgent: () => undefined,
    },
    book: { plan: null, madeAt: 0 },
    limited: { shapingOf: () => null, singlesOf: () => Promise.resolve(new Map()) },
    alone: { look: () => Promise.resolve(), aloneMs: () => null, isStuck: () => false },
    again: { heldOf: (): Held | null => null },
    weightOf: () => 1,
    events: desk.ports.events,
    eligible: () => null,
    usable: () => true,
    waitingSince: () => desk.time,
    now: () => desk.time,
  };
}

test('a batch that has spent its ceiling is paused, unless its owner has lifted that meanwhile', async () => {
  const { batch } = await desk.fedBatch(1, { maxCostUsd: 0.25 });
  const { redis, keys } = desk.ledger;
  await redis.hset(keys.batch(batch), { cost: '0.3' });
  const ports = planningOf(
    batch,
    drainingOf((await readBatch(desk.ledger, batch)) ?? assert.fail()),
  );
  const lifted = (): void => {
    // Between the look at it and the pause.
    void redis.hset(keys.batch(batch), { max_cost: '' });
  };
  await planRound({ ...ports, feeder: { ...ports.feeder, settle: lifted } });
  assert.equal((await readBatch(desk.ledger, batch))?.paused, false);
  await redis.hset(keys.batch(batch), { max_cost: '0.25' });
  const paused = (): void => void redis.hset(keys.batch(batch), { paused: '1' });
  await planRound({ ...ports, feeder: { ...ports.feeder, settle: paused } });
  assert.equal((await readBatch(desk.ledger, batch))?.pausedReason, null, 'its owner paused it');
  await redis.hset(keys.batch(batch), { paused: '0' });
  await planRound(ports);
  const found = await readBatch(desk.ledger, batch);
  assert.equal(found?.paused, true);
  assert.match(found?.pausedReason ?? '', /^max_cost_usd reached: 0\.3000 of 0\.25/);
});

test('a move that fails leaves nothing counted as placed', async () => {
  const id = await desk.acceptedJob();
  const told: string[] = [];
  const placer = placerOf({
    ledger: movingBy(() => Promise.reject(new Error('OOM'))),
    onError: (what, error) => told.push(`${what}: ${String(error)}`),
  });
  assert.equal(await placer.place({ id, epoch: 0 }), 'failed');
  assert.deepEqual(told, ['placing: Error: OOM']);
  assert.equal(ready.queued('mini'), 0);
});

test('what Redis refuses is tried again, until the sweeper sees to it', async () => {
  const id = await desk.acceptedJob();
  const entry = { id, epoch: 0 };
  let moves = 0;
  const refusing = (times: number): Ledger =>
    movingBy((move) => (moves++ < times ? Promise.reject(new Error('OOM')) : move()));
  const placer = (times: number): Placer =>
    placerOf({ ledger: refusing(times), leaderToken: 2, againMs: 1, onError: () => undefined });
  assert.equal(await placer(Infinity).placePatiently(entry), 'failed');
  assert.equal(moves, 15);
  moves = 0;
  assert.equal(await placer(3).placePatiently(entry), 'settled');
  assert.equal((await readWaiting(desk.ledger, id))?.epoch, 1);
});

test('a move that was made, whose answer was lost, counts as made', async () => {
  const id = await desk.acceptedJob();
  const ledger = movingBy(async (move) => {
    await move();
    return move();
  });
  assert.equal(await placerOf({ ledger, leaderToken: 2 }).place({ id, epoch: 0 }), 'settled');
  assert.equal(ready.queued('mini'), 1);
  assert.equal(ready.given.all('fast', desk.time), 1);
  assert.ok(await desk.run.getJob(`${id}-1`));
});

test('closing waits for a move that is repeated, and for an entry that is ended late', async () => {
  const moved = await desk.acceptedJob();
  await placerOf({ leaderToken: 2 }).place({ id: moved, epoch: 0 });
  const late = await desk.acceptedJob(1_000);
  const ends: string[] = [];
  const closing: Promise<unknown>[] = [];
  const closeOf = (placer: Placer): void => {
    closing.push(placer.close().then(() => ends.push('closed')));
  };
  const add: typeof desk.run.add = async (...args) => {
    closeOf(repeating);
    const added = await desk.run.add(...args);
    ends.push('repeated');
    return added;
  };
  const run = Object.create(desk.run, { add: { value: add } }) as typeof desk.run;
  const repeating: Placer = placerOf({ queue: () => run });
  await repeating.place({ id: moved, epoch: 0 });
  await Promise.all(closing);
  desk.time += 1_000;
  const ending: Placer = placerOf({
    onLate: async () => {
      closeOf(ending);
      await desk.ledger.redis.ping();
      ends.push('ended');
    },
  });
  await ending.place({ id: late, epoch: 0 });
  await Promise.all(closing);
  assert.deepEqual(ends, ['repeated', 'closed', 'ended', 'closed']);
});

test('a batch without a deployment that takes calls has no ETA', async () => {
  const { batch } = await desk.fedBatch(3);
  const classes = [
    {
      index: 'index-0',
      pool: 'fast',
      formats: 3,
      shape: '0.4',
      jobs: 3,
      characters: 120,
      maxOutput: 0,
      unsetOutput: 3,
    },
  ];
  const { redis, keys } = desk.ledger;
  const fields = { classes: JSON.stringify(classes), eta_at: desk.time - 1 };
  await redis.hset(keys.batch(batch), fields);
  const stored = await readBatch(desk.ledger, batch);
  assert.ok(stored);
  const ports = planningOf(batch, { ...drainingOf(stored), planned: true });
  await planRound({ ...ports, usable: () => false });
  assert.equal((await readBatch(desk.ledger, batch))?.etaAt, null);
  await planRound({ ...ports, usable: () => true });
  const eta = (await readBatch(desk.ledger, batch))?.etaAt ?? null;
  assert.ok(eta === null || eta >= desk.time);
  await redis.hset(keys.batch(batch), { paused: '1', eta_at: desk.time - 1 });
  await checkLater(desk.ledger, batch, desk.time + 60_000);
  await planRound({ ...ports, usable: () => true });
  assert.equal((await readBatch(desk.ledger, batch))?.etaAt, null);
  const due = await readOverdue(desk.ledger, desk.time, 1_000);
  assert.ok(due.includes(batch), 'resumed since it was read, it would wait for a minute');
});

test('a batch says for how many of its lines its ceiling pays, where they will go', async () => {
  const { batch } = await desk.fedBatch(3, { maxCostUsd: 0.5 });
  const { redis, keys } = desk.ledger;
  const classes = JSON.stringify([exampleClass({ jobs: 100, unsetOutput: 100 })]);
  await redis.hset(keys.batch(batch), { classes, total: 100 });
  const fleet = fleetOf(`
deployments:
  mini: { provider: p, model: m, default_max_tokens: 100, price: { input: 0, output: 100 } }
  other: { provider: p, model: m, default_max_tokens: 100, price: { input: 0, output: 100 } }
pools: { fast: [mini, other] }
`);
  const told = async () => {
    const stored = (await readBatch(desk.ledger, batch)) ?? assert.fail();
    const ports = planningOf(batch, { ...drainingOf(stored), planned: true });
    await planRound({ ...ports, fleet, picture: pictureOf(fleet, desk.time) });
    return (await readBatch(desk.ledger, batch))?.paidLines;
  };
  assert.equal(await told(), 50, 'three under way, 47 of those that are to come');
  await redis.hset(keys.batch(batch), { max_cost: 5 });
  assert.equal(await told(), null, 'it pays for all');
});

test('a batch says whom its ceiling leaves out, and no longer once it does not', async () => {
  const { batch } = await desk.fedBatch(3, { maxCostUsd: 0.5 });
  const { redis, keys } = desk.ledger;
  const classes = JSON.stringify([exampleClass({ jobs: 100, unsetOutput: 100 })]);
  await redis.hset(keys.batch(batch), { classes, total: 100 });
  const fleet = fleetOf(`
deployments:
  mini: { provider: p, model: m, default_max_tokens: 100, price: { input: 0, output: 100 } }
  other: { provider: p, model: m, default_max_tokens: 100, price: { input: 0, output: 200 } }
pools: { fast: [mini, other] }
`);
  const told = async () => {
    const stored = (await readBatch(desk.ledger, batch)) ?? assert.fail();
    const ports = planningOf(batch, { ...drainingOf(stored), planned: true });
    await planRound({ ...ports, fleet, picture: pictureOf(fleet, desk.time) });
    return (await readBatch(desk.ledger, batch))?.unpaidAt;
  };
  assert.deepEqual(await told(), ['other']);
  await redis.hset(keys.batch(batch), { max_cost: 50 });
  assert.deepEqual(await told(), []);
});

test('lines that wait for what the ceiling has left are told of, and no longer once none does', async () => {
  const { batch } = await desk.fedBatch(3, { maxCostUsd: 0.5 });
  const { redis, keys } = desk.ledger;
  const classes = JSON.stringify([exampleClass({ jobs: 3, unsetOutput: 3 })]);
  await redis.hset(keys.batch(batch), { classes, 'cursor:0': 3 });
  const read = async () => (await readBatch(desk.ledger, batch)) ?? assert.fail();
  for (const planned of [false, true]) {
    const ports = planningOf(batch, { ...drainingOf(await read()), planned });
    for (const held of [{ lines: 2, usd: 0.1 + 0.2 }, null]) {
      await planRound({ ...ports, again: { heldOf: (id) => (id === batch ? held : null) } });
      assert.deepEqual((await read()).unpaidAgain, held);
    }
  }
});

test('while lines are being called that should have been answered by now, the end stays ahead', async () => {
  const { batch } = await desk.fedBatch(3);
  const { redis, keys } = desk.ledger;
  const read = async () => (await readBatch(desk.ledger, batch)) ?? assert.fail();
  const classes = JSON.stringify([exampleClass({ jobs: 3, unsetOutput: 3 })]);
  await redis.hset(keys.batch(batch), { classes, 'cursor:0': 3 });
  const empty = await makePlan({ classes: [], deployments: [], budgets: [] });
  assert.ok(empty.kind === 'solved');
  const picture = pictureOf(desk.fleet, desk.time);
  const load = picture.load('mini') ?? assert.fail();
  const roundAt = async (at: number, planned: boolean, plan: Plan | null) => {
    const ports = planningOf(batch, { ...drainingOf(await read()), planned });
    const book = { plan, madeAt: desk.time - 5_000 };
    await planRound({ ...ports, picture, book, now: () => at });
    return ((await read()).etaAt ?? assert.fail('nobody knows')) - desk.time;
  };
  for (const [planned, plan] of [
    [false, null],
    [true, null],
    [true, empty.plan],
  ] as const) {
    await redis.hset(keys.batch(batch), { eta_at: desk.time - 1 });
    picture.update(new Map([['mini', load]]), desk.time);
    assert.equal(await roundAt(desk.time, planned, plan), 2_000, 'nothing is known of calls');
    const taught = { ...load, inFlight: 1, meanLatencyMs: 5_000 };
    picture.update(new Map([['mini', taught]]), desk.time);
    assert.equal(await roundAt(desk.time + 1_500, planned, plan), 6_500);
    assert.equal(await roundAt(desk.time + 2_500, planned, plan), 6_500, 'it comes nearer');
  }
});

test('a batch that is resumed while the sweeper looks at it is fed at once, whenever that was', async () => {
  const { redis, keys } = desk.ledger;
  for (let moment = 2; moment < 6; moment++) {
    const { batch } = await desk.fedBatch(1);
    await redis.hset(keys.batch(batch), { paused: '1' });
    await checkLater(desk.ledger, batch, desk.time);
    const resumed = { checkAt: desk.time, set: { paused: '' } };
    const fed: string[] = [];
    let asked = 0;
    const sweeper = sweeperOf(placerOf({}), {
      feeder: { add: ({ id, paused }) => void (paused || fed.push(id)) },
      now: () => {
        asked += 1;
        if (asked === moment)
          void moveBatch(desk.ledger, batch, { from: ['in_progress'], ...resumed });
        return desk.time;
      },
    });
    await sweeper.sweep();
    await sweeper.sweep();
    assert.ok(fed.includes(batch), `resumed when it asked the time for the ${moment}th time`);
  }
});

test('an entry that is handed back while the sweeper looks at it is placed at once, whenever that was', async () => {
  for (let moment = 2; moment < 6; moment++) {
    const id = await desk.acceptedJob();
    const placer = placerOf({ leaderToken: 2 });
    await placer.place({ id, epoch: 0 });
    const { time } = desk;
    await claimEntry(desk.ledger, { id, epoch: 1, holder: 'w', now: time, leaseMs: 15_000 });
    await checkLater(desk.ledger, id, time);
    const repaired: string[] = [];
    let asked = 0;
    const sweeper = sweeperOf(placer, {
      events: { ...desk.ports.events, repaired: (fields) => void repaired.push(fields.id) },
      now: () => {
        asked += 1;
        const entry = { id, epoch: 1, holder: 'w', shunnedUntil: 0 };
        if (asked === moment) void handBack(desk.ledger, entry, time);
        return time;
      },
    });
    await sweeper.sweep();
    await sweeper.sweep();
    assert.ok(repaired.includes(id), `when it asked the time for the ${moment}th time`);
    assert.ok(asked >= moment);
  }
});

test('a placement that Redis refuses is counted no longer', async () => {
  const { redis, keys } = desk.ledger;
  for (const fails of ['the move', 'the entry']) {
    const id = await desk.acceptedJob();
    const seen = keys.leaderSeen(slotOf(id));
    const errors: string[] = [];
    const placer = placerOf({
      leaderToken: 2,
      onError: (what) => void errors.push(what),
      queue: () => (fails === 'the entry' ? noQueue : desk.run),
    });
    const counted = ready.queued('mini') + ready.queued('other');
    await redis.del(seen);
    if (fails === 'the move') await redis.sadd(seen, 'nothing that a script can read');
    assert.equal(await placer.place({ id, epoch: 0 }), 'failed');
    assert.equal(ready.queued('mini') + ready.queued('other'), counted, fails);
    assert.deepEqual(errors, ['placing']);
    await redis.del(seen);
  }
});

const noQueue = { add: () => Promise.reject(new Error('full')) } as unknown as Queue<EntryData>;

test('a fault while room is looked for holds up nobody: what waits is placed by the next look', async () => {
  const id = await desk.acceptedJob();
  const errors: string[] = [];
  let faults = 1;
  const placer = placerOf({
    leaderToken: 2,
    onError: (what) => void errors.push(what),
    feed: () => {
      if (faults-- > 0) throw new TypeError('no such deployment');
      return { takeTurn: () => null, end: () => undefined };
    },
  });
  const placed = placer.place({ id, epoch: 0 });
  await until('the fault', () => errors.length === 1);
  placer.pump();
  assert.equal(await placed, 'settled');
  assert.equal((await readWaiting(desk.ledger, id))?.epoch, 1);
});
