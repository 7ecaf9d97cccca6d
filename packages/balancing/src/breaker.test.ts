import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import {
  BREAKER,
  type Breaker,
  type Look,
  afterLook,
  counts,
  lookAt,
  newBreaker,
  triedFrom,
} from './breaker.ts';

const half = (): number => 0.5;
const look = (ok: number, failures: number, more: Partial<Look> = {}): Look => ({
  ok,
  failures,
  failuresAtEnd: failures,
  lastInPool: false,
  ...more,
});
const nothing = look(0, 0);

/** Runs looks at given times, from a new breaker at 0. */
function after(looks: [number, Look][], from: Breaker = newBreaker(0)): Breaker {
  return looks.reduce(
    (breaker, [now, each]) => afterLook(breaker, each, { now, random: half }),
    from,
  );
}

const opened = (): Breaker => after([[0, look(0, 5)]]);

describe('closed', () => {
  test('opens on five failures in a row, over several looks too', () => {
    assert.equal(after([[0, look(0, 4)]]).kind, 'closed');
    assert.equal(
      after([
        [0, look(90, 3)],
        [900, look(0, 2)],
      ]).kind,
      'open',
    );
    assert.equal(
      after([
        [0, look(90, 3)],
        [900, look(1, 2)],
      ]).kind,
      'closed',
    );
  });

  test('opens on under 80 % success of at least five', () => {
    assert.equal(after([[0, look(3, 1, { failuresAtEnd: 0 })]]).kind, 'closed', 'four calls');
    assert.equal(after([[0, look(4, 1, { failuresAtEnd: 0 })]]).kind, 'closed', 'exactly 80 %');
    assert.equal(after([[0, look(7, 2, { failuresAtEnd: 0 })]]).kind, 'open', '78 %');
  });

  test('opens on failing much more than its peers, unless it is the last of its pool', () => {
    const most = { failsMost: true, failuresAtEnd: 0 };
    assert.equal(after([[0, look(90, 10, most)]]).kind, 'open');
    assert.equal(after([[0, look(90, 10, { ...most, lastInPool: true })]]).kind, 'closed');
  });

  test('counts only the last 30 seconds, however idle it was between', () => {
    const sick = look(79, 21, { failuresAtEnd: 0 });
    const onTheEdge = look(80, 20, { failuresAtEnd: 0 });
    assert.equal(after([[0, sick]]).kind, 'open');
    // The trap of breakers that rotate one window per event: an hour later the busy spell must weigh nothing.
    const anHourLater = after([
      [0, onTheEdge],
      [3_600_000, look(4, 1, { failuresAtEnd: 0 })],
    ]);
    assert.equal(anHourLater.kind, 'closed');
    assert.ok(anHourLater.kind === 'closed' && anHourLater.recent.length === 1);
    assert.equal(
      after([
        [0, onTheEdge],
        [29_000, look(0, 1)],
      ]).kind,
      'open',
      'still within',
    );
    assert.equal(
      after([
        [0, onTheEdge],
        [30_000, look(0, 1)],
      ]).kind,
      'closed',
      'out of it',
    );
  });

  test('keeps a bounded memory', () => {
    let breaker = newBreaker(0);
    for (let now = 0; now < 120_000; now += 10)
      breaker = afterLook(breaker, look(5, 0), { now, random: half });
    assert.ok(breaker.kind === 'closed' && breaker.recent.length <= 30);
  });
});

describe('open', () => {
  test('lasts between half and all of its back-off', () => {
    for (const [draw, wait] of [
      [0, 2_500],
      [0.5, 3_750],
      [0.999_999, 5_000],
    ] as const) {
      const open = afterLook(newBreaker(0), look(0, 5), { now: 0, random: () => draw });
      assert.ok(open.kind === 'open' && Math.abs(open.until - wait) < 1);
    }
  });

  test('ends by time alone, and nothing that ends meanwhile matters', () => {
    assert.equal(after([[3_749, look(50, 0)]], opened()).kind, 'open');
    assert.equal(after([[3_750, nothing]], opened()).kind, 'half_open');
  });

  test('lasts longer each time, up to five minutes', () => {
    const waits: number[] = [];
    let breaker = opened();
    for (let i = 0; i < 9; i += 1) {
      assert.ok(breaker.kind === 'open');
      waits.push(breaker.until - breaker.since);
      const now = breaker.until;
      breaker = after(
        [
          [now, nothing],
          [now, look(0, 1)],
        ],
        breaker,
      );
    }
    assert.deepEqual(
      waits.map((wait) => wait / 750),
      [5, 10, 20, 40, 80, 160, 300, 300, 300],
      '× 0.75 s: equal jitter at its middle',
    );
  });

  test('lasts 20 s at most where batch jobs can try, shorter ones as they are', () => {
    const batch = { batchTraffic: true };
    const long: Breaker = { kind: 'open', since: 0, until: 225_000, trips: 9 };
    assert.equal(after([[14_999, look(0, 0, batch)]], long).kind, 'open');
    assert.equal(after([[15_000, look(0, 0, batch)]], long).kind, 'half_open');
    assert.equal(after([[3_749, look(0, 0, batch)]], opened()).kind, 'open');
    assert.equal(after([[3_750, look(0, 0, batch)]], opened()).kind, 'half_open');
  });
});

describe('half open', () => {
  const tried = after([[3_750, nothing]], opened());

  test('closes after three successes, one by one or together', () => {
    assert.equal(after([[4_000, look(2, 0)]], tried).kind, 'half_open');
    assert.deepEqual(
      after(
        [
          [4_000, look(2, 0)],
          [5_000, look(1, 0)],
        ],
        tried,
      ),
      { ...newBreaker(5_000), easing: 0 },
    );
  });

  test('opens again on one failure', () => {
    const again = after(
      [
        [4_000, look(2, 0)],
        [5_000, look(5, 1)],
      ],
      tried,
    );
    assert.ok(again.kind === 'open' && again.until === 5_000 + 7_500);
  });

  test('is not undone by calls from before', () => {
    assert.equal(counts(tried, 3_749), false);
    assert.equal(counts(tried, 3_750), true);
  });
});

describe('the last of its pool', () => {
  const last = { lastInPool: true };

  test('stays closed while it is only flaky', () => {
    let breaker = newBreaker(0);
    const random = seededRandom(3);
    for (let now = 0; now < 60_000; now += 100)
      breaker = afterLook(breaker, look(2, 2, { ...last, failuresAtEnd: 1 }), { now, random });
    assert.equal(breaker.kind, 'closed');
  });

  test('failing without a success it is tried one by one, at once', () => {
    assert.equal(after([[0, look(0, 5, last)]]).kind, 'half_open');
  });

  test('pauses at most five seconds between tries, however often it failed', () => {
    const breaker: Breaker = { kind: 'open', since: 0, until: 280_000, trips: 9 };
    assert.equal(after([[4_999, look(0, 0, last)]], breaker).kind, 'open');
    assert.equal(after([[5_000, look(0, 0, last)]], breaker).kind, 'half_open');
  });

  test('flaky, it is opened like any other once it is not the last', () => {
    const flaky = look(5, 4, { ...last, failuresAtEnd: 1 });
    assert.equal(after([[0, flaky]]).kind, 'closed');
    assert.equal(
      after([
        [0, flaky],
        [1_000, nothing],
      ]).kind,
      'open',
    );
  });
});

test('outcomes in order become a look', () => {
  assert.deepEqual(lookAt([true, false, true, false, false]), {
    ok: 2,
    failures: 3,
    failuresAtEnd: 2,
  });
  assert.equal(lookAt([false, false]).failuresAtEnd, 2);
  assert.equal(lookAt([]).failuresAtEnd, 0);
});

test('whatever happens, a healthy deployment gets back in: at most a back-off and three calls', () => {
  const anyLook = fc.record({
    wait: fc.integer({ min: 0, max: 400_000 }),
    outcomes: fc.array(fc.boolean(), { maxLength: 12 }),
    lastInPool: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyLook, { maxLength: 40 }), fc.integer(), (history, seed) => {
      const random = seededRandom(seed);
      let now = 0;
      let breaker = newBreaker(now);
      for (const { wait, outcomes, lastInPool } of history) {
        now += wait;
        breaker = afterLook(breaker, { ...lookAt(outcomes), lastInPool }, { now, random });
        if (breaker.kind === 'open')
          assert.ok(
            breaker.until - now <= BREAKER.longestBackoffMs && breaker.until > breaker.since,
          );
      }
      now += BREAKER.longestBackoffMs;
      breaker = after(
        [
          [now, nothing],
          [now, look(3, 0)],
        ],
        breaker,
      );
      assert.equal(breaker.kind, 'closed');
    }),
  );
});

test('when it is tried is told as it comes true: by batch jobs, by people, as the last one', () => {
  const random = seededRandom(11);
  const STEP = 10;
  /** What is told, ms after it opened; it is looked at every few ms until it is half open. */
  const told = (breaker: Breaker, more: Partial<Look>): number => {
    let now = breaker.since;
    for (let each = breaker; each.kind === 'open'; now += STEP)
      each = afterLook(each, look(0, 0, more), { now, random });
    const wait = more.batchTraffic === true ? 0 : BREAKER.probeByAnyMs;
    const from = triedFrom(breaker, { lastInPool: false, ...more }) ?? Number.NaN;
    const late = now - STEP + wait - from;
    assert.ok(late >= 0 && late < STEP, `${late} ms later than told`);
    return from - breaker.since;
  };
  let breaker = opened();
  for (let trips = 1; trips <= 8; trips++) {
    const usual = told(breaker, {});
    const batch = told(breaker, { batchTraffic: true });
    const last = told(breaker, { lastInPool: true });
    assert.ok(batch <= BREAKER.longestWithBatchMs && batch <= usual - BREAKER.probeByAnyMs);
    assert.ok(last <= BREAKER.firstBackoffMs + BREAKER.probeByAnyMs);
    const halfOpen = afterLook(breaker, nothing, { now: breaker.since + 400_000, random });
    assert.equal(triedFrom(halfOpen, { lastInPool: false, batchTraffic: true }), null);
    const byAnyone = halfOpen.since + BREAKER.probeByAnyMs;
    assert.equal(triedFrom(halfOpen, { lastInPool: false }), byAnyone);
    breaker = afterLook(halfOpen, look(0, 1), { now: halfOpen.since, random });
  }
  assert.equal(triedFrom(newBreaker(0), { lastInPool: false }), null);
});
