/** The plan is made over all batches and followed chunk by chunk; what it says nothing of goes where placement puts it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newBreaker, Spills } from '@sluice/balancing';
import type { Health } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';
import { makePlan } from '@sluice/planning';
import { ceilingAfter, ceilingOf } from './ceiling.ts';
import type { Ceiling } from './ceiling.ts';
import { Chooser } from './chooser.ts';
import { laneOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import { DrainingBook } from './draining-book.ts';
import { drainingOfLines, fleetOf, pictureOf } from './example-fleet.ts';
import { FeedRound } from './feed-round.ts';
import { LengthsBook } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { PlanBook } from './plan-book.ts';
import { planProblem } from './plan-problem.ts';
import type { ProblemPorts } from './plan-problem.ts';

const NOW = 1_000;
const TWO = `
deployments:
  tokens: { provider: p, model: m, limits: { rpm: 600, tpm: 6000000 } }
  calls: { provider: p, model: m, limits: { rpm: 6000, tpm: 600000 } }
pools: { fast: [tokens, calls], turns: { strategy: round_robin, tiers: [[tokens, calls]] } }
`;
const ONE = `
deployments: { calls: { provider: p, model: m, limits: { rpm: 600 } } }
pools: { fast: [calls] }
`;
/** One arm takes ten calls a second, the other one a minute. */
const HALVES = `
deployments:
  calls: { provider: p, model: m, limits: { rpm: 600 } }
  rare: { provider: p, model: m, limits: { rpm: 1 } }
pools:
  fast: [calls]
  halves: { strategy: { name: split, arms: { calls: 50, rare: 50 }, strict: true }, tiers: [[calls, rare]] }
`;
const LARGE = { shape: '8.1', lines: 400, characters: 40_000, maxOutput: 16 };
const SMALL = { shape: '1.1', lines: 4_000, characters: 400, maxOutput: 16 };

const portsOf = (fleet: Fleet, picture: Picture): ProblemPorts => ({
  fleet,
  picture,
  lengths: new LengthsBook(() => NOW),
  eligible: () => null,
  usable: () => true,
  waitingSince: () => NOW,
  now: () => NOW,
});

const PRICED = `
deployments:
  cheap: { provider: p, model: m, limits: { rpm: 60 }, price: { input: 1, output: 1 } }
  dear: { provider: p, model: m, limits: { rpm: 6000 }, price: { input: 10, output: 10 } }
pools: { fast: { strategy: cost, tiers: [[cheap, dear]] } }
`;

/** `learnt`: characters per token, by deployment. */
async function desk(batches: Draining[], config = TWO, learnt: Record<string, number> = {}) {
  const fleet = fleetOf(config);
  const picture = pictureOf(fleet, NOW);
  for (const [id, charsPerToken] of Object.entries(learnt)) {
    const load = picture.load(id) ?? assert.fail();
    picture.update(new Map([[id, { ...load, charsPerToken }]]), NOW);
  }
  const depth = { depthMs: 1_000, unlimitedDepth: 100, chunkMs: 100, chunkJobs: 32 };
  const time = { ms: NOW };
  const now = (): number => time.ms;
  const chooser = new Chooser({ fleet, picture, depth, now, random: () => 0.5 });
  const book = new PlanBook({
    problem: (horizonMs) => planProblem(portsOf(fleet, picture), batches, horizonMs),
    solve: makePlan,
    waiting: () => 1,
    onPlan: () => undefined,
    onError: (what, error) => assert.fail(`${what}: ${String(error)}`),
    now,
  });
  await book.look();
  const lengths = new LengthsBook(now);
  const spills = new Spills(fleet.pools);
  const ports = { chooser, picture, lengths, book, spills, windowLines: 10_000, now };
  const waiting = new DrainingBook((batch, one, by) => spills.count(laneOf(batch, one), by, now()));
  for (const batch of batches) waiting.add(Object.assign(batch, { planned: true }));
  const nextRound = (): FeedRound => new FeedRound(ports, waiting);
  return { fleet, picture, book, chooser, time, waiting, nextRound, round: nextRound() };
}

/** Lines by class and deployment, as long as there is room. */
function feedAll(round: FeedRound, batch: Draining, most = Infinity): Record<string, number> {
  const placed: Record<string, number> = {};
  for (;;) {
    const taken = round.takeTurn(batch, { most, overdue: false });
    if (!taken) return placed;
    const key = `${taken.class.of.shape} ${taken.deployment}`;
    placed[key] = (placed[key] ?? 0) + taken.lines;
  }
}

const ceilingFor = (maxCostUsd: number): Ceiling =>
  ceilingOf({ maxCostUsd, costUsd: 0, completed: 0, failed: 0, fed: 0 }) ?? assert.fail();
const leftFor = (usd: number) => ({ ceiling: ceilingFor(usd) });

describe('a ceiling of its cost', () => {
  // A cheap line costs 200 tokens at most, a dear one 20,000.
  const CHEAP = { shape: '1.1', lines: 400, characters: 400, maxOutput: 100 };
  const DEAR = { shape: '8.9', lines: 4, characters: 40_000, maxOutput: 10_000 };
  const ONE_PRICE = `
deployments: { one: { provider: p, model: m, price: { input: 1, output: 1 } } }
pools: { fast: { strategy: round_robin, tiers: [[one]] } }
`;
  /** Lines of which those that were taken are on their way, and those of one class not read. */
  async function without(unread: number) {
    const batch = drainingOfLines([CHEAP, DEAR], leftFor(0.09));
    const read = batch.classes.map(({ ahead }) => ahead);
    (batch.classes[unread] as DrainingClass).ahead = [];
    const { nextRound } = await desk([batch], ONE_PRICE);
    const feed = (): Record<string, number> => {
      const round = nextRound();
      const placed = feedAll(round, batch);
      for (const { class: one, lines } of round.helpings) one.ahead.splice(0, lines);
      return placed;
    };
    return {
      batch,
      feed,
      readAll: () => batch.classes.map((one, i) => (one.ahead = read[i] ?? [])),
    };
  }

  test('what is under way counts as dear as it can become, and not as what is not', async () => {
    const { batch, feed, readAll } = await without(0);
    assert.deepEqual(feed(), { '8.9 one': 4 });
    readAll();
    assert.deepEqual(feed(), { '1.1 one': 50 }, 'for the 0.01 that are left');
    assert.equal(batch.ceiling?.held, true);
  });

  test('once what was dear has ended there is more, also where nothing is read of it', async () => {
    const { batch, feed, readAll } = await without(0);
    feed();
    readAll();
    const record = { maxCostUsd: 0.09, costUsd: 0.01, completed: 4, failed: 0, fed: batch.fed };
    batch.ceiling = ceilingAfter(batch.ceiling, { ...record, byDeployment: { one: 4 } });
    assert.deepEqual(feed(), { '1.1 one': 96 }, 'as many as may be on its queue');
  });

  test('a line that is too dear for what is left goes alone', async () => {
    const batch = drainingOfLines([DEAR], leftFor(0.001));
    const { nextRound } = await desk([batch], ONE_PRICE);
    assert.deepEqual(feedAll(nextRound(), batch), { '8.9 one': 1 });
    assert.equal(nextRound().isPaid(batch), false);
  });

  const BOTH = `
deployments:
  cheap: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 1, output: 1 } }
  dear: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 20, output: 20 } }
pools: { fast: { strategy: round_robin, tiers: [[cheap, dear]] }, planned: [cheap, dear] }
`;

  test('lines go where they are cheap while there is little left, and to all far from it', async () => {
    // A line costs 0.0002 at the cheap one, 0.004 at the dear one.
    for (const [usd, deployments] of [
      [0.003, ['cheap']],
      [0.008, ['cheap']],
      [0.5, ['cheap', 'dear']],
    ] as const) {
      const batch = drainingOfLines([{ ...CHEAP, pool: 'planned' }], leftFor(usd));
      const { nextRound } = await desk([batch], BOTH);
      const placed = feedAll(nextRound(), batch);
      const expected = deployments.map((id) => `1.1 ${id}`);
      assert.deepEqual(Object.keys(placed).toSorted(), expected, `${usd}`);
      assert.equal(placed['1.1 cheap'], 10, 'a second of it');
    }
  });

  test('deployments of one price all take lines, whatever each has learnt of its tokens', async () => {
    const mini = '{ provider: p, model: m, limits: { rpm: 600 }, price: { input: 1, output: 1 } }';
    const config = `
deployments:
  a: ${mini}
  b: ${mini}
  c: ${mini}
  d: ${mini}
  dear: ${mini.replaceAll(' 1', ' 20')}
pools: { fast: [a, b, c, d, dear] }
`;
    const learnt = { a: 2.56, b: 2.59, c: 2.53, d: 2.5, dear: 2.5 };
    // A line costs 0.00026 at most; one of the four alone could have 0.0077 under way, and has 10 lines on its queue.
    for (const [usd, lines] of [
      [0.004, 15],
      [0.0065, 25],
      [0.013, 40],
    ] as const) {
      const batch = drainingOfLines([CHEAP], leftFor(usd));
      const { nextRound } = await desk([batch], config, learnt);
      const placed = feedAll(nextRound(), batch);
      assert.equal(placed['1.1 dear'], undefined);
      const all = Object.values(placed).reduce((sum, some) => sum + some, 0);
      assert.equal(all, lines, `${JSON.stringify(placed)} for ${usd}`);
    }
  });

  test('where a strategy of its own says where they go, they go to those that are paid for', async () => {
    const batch = drainingOfLines([CHEAP], leftFor(0.003));
    const { nextRound } = await desk([batch], BOTH);
    assert.deepEqual(feedAll(nextRound(), batch), { '1.1 cheap': 10 });
  });

  test('a line that is kept to a dear arm goes there alone, and does not wait for ever', async () => {
    const config = HALVES.replace(
      'rpm: 600 }',
      'rpm: 600 }, price: { input: 1, output: 1 }',
    ).replace('rpm: 1 }', 'rpm: 600 }, price: { input: 20, output: 20 }');
    const batch = drainingOfLines([{ ...CHEAP, pool: 'halves' }], leftFor(0.0003));
    const { nextRound } = await desk([batch], config);
    const placed: string[] = [];
    for (let line = 0; line < 20; line += 1) {
      placed.push(...Object.keys(feedAll(nextRound(), batch)));
      const [one] = batch.classes;
      one?.ahead.splice(0, one.taken - one.cursor);
      if (one) one.cursor = one.taken;
      const record = { maxCostUsd: 0.0003, costUsd: 0, completed: batch.fed, failed: 0 };
      batch.ceiling = ceilingAfter(batch.ceiling, { ...record, fed: batch.fed });
      if (batch.ceiling) batch.ceiling.held = false;
    }
    assert.equal(placed.length, 20, 'each time one');
    assert.deepEqual([...new Set(placed)].toSorted(), ['1.1 calls', '1.1 rare']);
  });

  test('a batch that may have no more lines under way keeps nothing from others', async () => {
    const held = drainingOfLines([CHEAP], { ...leftFor(0.0011), tenant: 'held' });
    const free = drainingOfLines([LARGE], { id: `${held.id.slice(0, -1)}2`, tenant: 'free' });
    const config = ONE.replace('rpm: 600 }', 'rpm: 600 }, price: { input: 1, output: 1 }');
    const priced = await desk([held, free], config);
    assert.deepEqual(feedAll(priced.nextRound(), held), { '1.1 calls': 5 });
    assert.equal(priced.waiting.waitingFor(held, held.classes[0]?.planId ?? ''), 0);
    assert.deepEqual(feedAll(priced.nextRound(), free), { '8.1 calls': 5 });
  });
});

describe('lines follow the plan', () => {
  test('each class goes where its scarce limit is plenty, whatever the order of the file', async () => {
    for (const order of [
      [LARGE, SMALL],
      [SMALL, LARGE],
    ]) {
      const batch = drainingOfLines(order);
      const { round } = await desk([batch]);
      const placed = feedAll(round, batch);
      assert.equal(placed['8.1 calls'], undefined, JSON.stringify(placed));
      // A second of each deployment: 10 calls on one, 100 calls on the other.
      assert.ok((placed['8.1 tokens'] ?? 0) >= 5, JSON.stringify(placed));
      assert.ok((placed['1.1 calls'] ?? 0) >= 50, JSON.stringify(placed));
    }
  });

  test("a tenant's turn is not given up to another's lines because those are further behind", async () => {
    const few = drainingOfLines([{ ...LARGE, lines: 40 }], { tenant: 'few' });
    const many = drainingOfLines([SMALL], { id: `${few.id.slice(0, -1)}2`, tenant: 'many' });
    const { round } = await desk([few, many], ONE);
    assert.deepEqual(feedAll(round, few), { '8.1 calls': 10 }, 'all that has room for a second');
  });

  test('lines that wait for their arm keep nobody off the others', async () => {
    const kept = drainingOfLines([{ ...SMALL, pool: 'halves' }]);
    const free = drainingOfLines([{ ...SMALL, lines: 40 }], { id: `${kept.id.slice(0, -1)}2` });
    const { round } = await desk([kept, free], HALVES);
    const placed = feedAll(round, kept)['1.1 calls'] ?? 0;
    assert.ok(placed < 10, `${placed}: the next line goes to the other arm, which is full`);
    assert.deepEqual(feedAll(round, free), { '1.1 calls': 10 - placed }, 'all that has room');
  });

  test('a chunk is never larger than its tenant may send', async () => {
    const batch = drainingOfLines([SMALL]);
    const { round } = await desk([batch]);
    assert.equal(round.takeTurn(batch, { most: 3, overdue: false })?.lines, 3);
    assert.equal(round.helpings[0]?.chunks[0]?.lines.length, 3);
  });

  test('a deployment that stays idle takes what the plan meant for others', async () => {
    const batch = drainingOfLines([SMALL]);
    const { round } = await desk([batch]);
    const placed = feedAll(round, batch);
    assert.deepEqual(Object.keys(placed).toSorted(), ['1.1 calls', '1.1 tokens']);
  });

  test('what saves money leaves a dear deployment idle', async () => {
    const patient = drainingOfLines([SMALL]);
    const { round } = await desk([patient], PRICED);
    assert.deepEqual(feedAll(round, patient), { '1.1 cheap': 1 });
  });

  test('and gives it its part bit by bit where the cheap one alone would be late', async () => {
    // 4,000 lines in 1,000 s, of which the cheap one does 1,000.
    const hurried = drainingOfLines([SMALL], { expiresAt: NOW + 1_000_000 });
    const { round, time } = await desk([hurried], PRICED);
    assert.deepEqual(feedAll(round, hurried), { '1.1 cheap': 1 });
    time.ms += 2_000;
    const placed = feedAll(round, hurried);
    assert.equal(placed['1.1 dear'], 6, JSON.stringify(placed));
  });

  test('a pool with a strategy of its own keeps to it', async () => {
    const batch = drainingOfLines([{ ...LARGE, pool: 'turns', lines: 4 }]);
    const { round } = await desk([batch]);
    const placed = feedAll(round, batch);
    assert.deepEqual(Object.keys(placed).toSorted(), ['8.1 calls', '8.1 tokens']);
  });

  test('without a plan room alone decides', async () => {
    const batch = drainingOfLines([SMALL]);
    const { round, book } = await desk([]);
    assert.equal(book.knows(batch.classes[0]?.planId ?? ''), false);
    assert.ok((feedAll(round, batch)['1.1 calls'] ?? 0) > 0);
  });

  test('a half-open deployment is tried with one line, though no plan reckons with it', async () => {
    const batch = drainingOfLines([SMALL]);
    const { round, picture } = await desk([batch]);
    const breaker = { ...newBreaker(0), kind: 'half_open', since: 0 } as Health['breaker'];
    picture.setHealth(new Map([['tokens', { wish: 'active', block: null, breaker }]]));
    const first = round.takeTurn(batch, { most: 9, overdue: false });
    assert.deepEqual([first?.deployment, first?.lines], ['tokens', 1]);
    assert.equal(round.takeTurn(batch, { most: 9, overdue: false })?.deployment, 'calls');
  });
});

/** A line in ten seconds, and ten a second behind it. */
const TIERED = `
deployments:
  first: { provider: p, model: m, limits: { rpm: 6 } }
  second: { provider: p, model: m, limits: { rpm: 600 } }
pools: { fast: { spill_after_ms: 2000, tiers: [[first], [second]] } }
`;

const second = (placed: Record<string, number>): number => placed['1.1 second'] ?? 0;

describe('lines of a pool that spills', () => {
  test('go to the next tier once they have waited that long for the first, though the plan counts both', async () => {
    const batch = drainingOfLines([SMALL]);
    const { book, time, nextRound, round } = await desk([batch], TIERED);
    assert.ok(book.cost(batch.classes[0]?.planId ?? '', 'second'), 'counted');
    assert.deepEqual(feedAll(round, batch), { '1.1 first': 1 });
    time.ms += 1_999;
    assert.deepEqual(feedAll(nextRound(), batch), {});
    time.ms += 1;
    const placed = feedAll(nextRound(), batch);
    assert.deepEqual([Object.keys(placed), second(placed) >= 9], [['1.1 second'], true]);
  });

  test('wait anew when the first tier took one, however many are left', async () => {
    const batch = drainingOfLines([SMALL]);
    const { picture, time, nextRound, round } = await desk([batch], TIERED);
    feedAll(round, batch);
    time.ms += 10_000;
    const [lines] = batch.classes;
    picture.recount('first', -1);
    assert.equal(feedAll(nextRound(), batch)['1.1 first'], 1);
    assert.ok(lines && lines.taken < lines.jobs);
    time.ms += 1_999;
    assert.deepEqual(feedAll(nextRound(), batch), {});
  });

  test('stay in the first while that has room, and within max_tier for good', async () => {
    for (const over of [{}, { maxTier: 1 }]) {
      const batch = drainingOfLines([SMALL], over);
      const { picture, time, nextRound, round } = await desk([batch], TIERED);
      feedAll(round, batch);
      if (over.maxTier === undefined) picture.recount('first', -1);
      time.ms += 60_000;
      const taken = nextRound().takeTurn(batch, { most: 1, overdue: false });
      assert.equal(taken?.deployment, over.maxTier === undefined ? 'first' : undefined);
    }
  });

  test('spill where the plan does not count on it: the first is quick enough, and yet was full', async () => {
    const batch = drainingOfLines([SMALL]);
    const made = await desk([batch], TIERED.replace('6 }', '60 }'));
    const { book, chooser, time, nextRound, round } = made;
    assert.equal(book.cost(batch.classes[0]?.planId ?? '', 'second'), null);
    feedAll(round, batch);
    time.ms += 2_000;
    assert.ok(second(feedAll(nextRound(), batch)) >= 9);
    assert.deepEqual(chooser.reaches, [['first', 'second']], 'they may use the whole pool');
  });

  test('spill by a strategy of their own as by the plan', async () => {
    const config = TIERED.replace('spill', 'strategy: round_robin, spill');
    const batch = drainingOfLines([SMALL]);
    const { time, nextRound, round } = await desk([batch], config);
    assert.deepEqual(feedAll(round, batch), { '1.1 first': 1 });
    time.ms += 1_999;
    assert.deepEqual(feedAll(nextRound(), batch), {});
    time.ms += 1;
    assert.ok(second(feedAll(nextRound(), batch)) >= 9);
  });

  test('do not hold up what may go to the later tier anyway', async () => {
    const config = TIERED.replace('pools: {', 'pools: { direct: [second],');
    const batch = drainingOfLines([SMALL, { ...SMALL, shape: '1.2', pool: 'direct' }]);
    const { round } = await desk([batch], config);
    const placed = feedAll(round, batch);
    assert.equal(second(placed), 0);
    assert.ok((placed['1.2 second'] ?? 0) >= 9, JSON.stringify(placed));
  });

  test('never leave a full tier where the pool does not spill', async () => {
    const batch = drainingOfLines([SMALL]);
    const config = TIERED.replace('spill_after_ms: 2000, ', '');
    const { book, time, nextRound, round } = await desk([batch], config);
    assert.equal(book.cost(batch.classes[0]?.planId ?? '', 'second'), null);
    feedAll(round, batch);
    time.ms += 3_600_000;
    assert.deepEqual(feedAll(nextRound(), batch), {});
  });
});

const THREE = `
deployments:
  a: { provider: p, model: m }
  b: { provider: p, model: m }
  c: { provider: p, model: m }
pools: { fast: { strategy: hash, tiers: [[a, b, c]] } }
`;

describe('lines with keys', () => {
  /** Twenty lines of each of twelve keys, and twelve lines of a key each. */
  const keys = Array.from({ length: 252 }, (_, i) => (i < 240 ? 1 + Math.floor(i / 20) : i) * 7919);
  const keyed = (): Draining => drainingOfLines([{ ...SMALL, lines: 252, keys }]);

  test('travel by them, each key to its home, and those of few lines by none', async () => {
    const homes = new Map<number, Set<string>>();
    const batch = keyed();
    const { chooser, round } = await desk([batch], THREE);
    feedAll(round, batch);
    const chunks = round.helpings.flatMap((helping) => helping.chunks);
    for (const { key, lines, deployment } of chunks) {
      const own = new Set(lines.map(([line]) => keys[line - 1]));
      if (key === undefined) assert.equal(own.size, 12);
      else assert.deepEqual([...own], [key]);
      if (key) homes.set(key, (homes.get(key) ?? new Set()).add(deployment));
    }
    assert.equal(homes.size, 12);
    assert.ok([...homes.values()].every(({ size }) => size === 1));
    assert.ok(new Set([...homes.values()].flatMap((one) => [...one])).size > 1, 'not all the same');
    assert.equal(chooser.goesByKey('fast'), true);
  });

  test('are not looked at where the pool’s strategy has no use for them', async () => {
    const batch = keyed();
    const { round } = await desk([batch], THREE.replace('hash', 'least_busy'));
    feedAll(round, batch);
    const chunks = round.helpings.flatMap((helping) => helping.chunks);
    assert.ok(chunks.every(({ key }) => key === undefined));
    assert.ok(chunks.slice(0, -1).every(({ lines }) => lines.length === 32));
  });
});
