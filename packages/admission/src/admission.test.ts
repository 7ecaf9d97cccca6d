import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Cost } from '@sluice/budget';
import { KNOWN_WINDOW } from '@sluice/budget';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { Redis } from 'ioredis';
import { Admission } from './admission.ts';
import type { Booked, Settled } from './admission.ts';
import { makeFleet } from './test-fleet.ts';
import type { FleetPlan } from './test-fleet.ts';

let server: TestRedis;
let redis: Redis;
let prefixes = 0;
const opened: Admission[] = [];
before(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
});

afterEach(() => {
  for (const admission of opened.splice(0)) admission.close();
});

/** An admission of its own: no other test shares its keys. */
function open(plan: FleetPlan, micros?: () => number): Admission {
  const admission = new Admission({
    redis,
    prefix: `test-${(prefixes += 1)}`,
    fleet: makeFleet(plan),
    ...(micros ? { micros } : {}),
  });
  opened.push(admission);
  return admission;
}

const cost = (input = 10, output = 10): Cost => ({ requests: 1, input, output, usd: 0.25 });
let named = 0;
const asking = (n: number, more: { band?: 'interactive' | 'batch'; cost?: Cost } = {}) => ({
  costs: Array.from({ length: n }, () => more.cost ?? cost()),
  band: more.band ?? ('interactive' as const),
  leases: Array.from({ length: n }, () => `lease-${(named += 1)}`),
  leaseMs: 10_000,
});

const ended = (lease: string, more: Partial<Settled> = {}): Settled => ({
  lease,
  expected: cost(),
  actual: cost(),
  outcome: 'ok',
  tookMs: 100,
  heldMs: 100,
  characters: 30,
  usage: { input_tokens: 10, cached_tokens: 0, output_tokens: 10, reasoning_tokens: 0 },
  ...more,
});

/** A clock of the test's own, in microseconds. */
function clock(): { micros: () => number; pass: (ms: number) => void } {
  let micros = 1_700_000_000_000_000;
  return {
    micros: () => micros,
    pass: (ms) => {
      micros += ms * 1_000;
    },
  };
}

describe('booking', () => {
  test('where nothing is known a few calls start, and more with every answer', async () => {
    const admission = open({ deployments: { a: { limits: {} } } });
    const asked = asking(40);
    const first = await admission.book('a', asked);
    assert.deepEqual([first.delaysMs, first.waitMs], [Array(4).fill(0), 50]);
    await admission.taken('a', 2);
    const load = (await admission.read()).get('a');
    assert.deepEqual([load?.taken, load?.inFlight], [6, 4]);
    await admission.settle(
      'a',
      asked.leases.slice(0, 4).map((lease) => ended(lease)),
    );
    assert.equal((await admission.book('a', asking(40))).delaysMs.length, 8);
  });

  test('a shared budget holds for all who draw on it', async () => {
    const { micros } = clock();
    const admission = open(
      {
        deployments: { a: { limits: {}, org: true }, b: { limits: {}, org: true } },
        org: { tpm: 60_000 / KNOWN_WINDOW.share },
      },
      micros,
    );
    const big = cost(400, 100);
    assert.equal((await admission.book('a', asking(1, { cost: big }))).delaysMs.length, 1);
    const { binding, waitMs, askAgainMs } = await admission.book('b', asking(1, { cost: big }));
    assert.deepEqual(binding, { budget: 'org', dimension: 'tpm' });
    assert.equal(Math.round(waitMs ?? 0), 500);
    assert.equal(Math.round(askAgainMs ?? 0), 450);
  });

  test('interactive starts at once beside a batch that books all it can', async () => {
    const { micros, pass } = clock();
    const admission = open({ deployments: { a: { limits: { rpm: 3_000 } } } }, micros);
    await admission.book('a', asking(1));
    pass(1_000);
    for (let i = 0; i < 20; i += 1, pass(40)) {
      const batch = await admission.book('a', asking(32, { band: 'batch' }));
      assert.notEqual(batch.waitMs, null, 'the batch has all it may have');
      assert.deepEqual((await admission.book('a', asking(1))).delaysMs, [0]);
    }
  });

  test('an unknown deployment is an error that names it', async () => {
    await assert.rejects(open({ deployments: {} }).book('x', asking(1)), /no such deployment: x/);
  });
});

const startsOf = ({ atMs, delaysMs }: Booked): number[] => delaysMs.map((delay) => atMs + delay);

test('two clients that race never get more than burst + rate × w by the clock of Redis', async () => {
  const rpm = 6_000;
  const prefix = `test-${(prefixes += 1)}`;
  const fleet = makeFleet({
    deployments: { a: { limits: {}, org: true }, b: { limits: { tpm: 90_000 }, org: true } },
    org: { rpm, concurrency: 1_000 },
  });
  const starts: number[] = [];
  const client = async (id: 'a' | 'b', band: 'interactive' | 'batch'): Promise<void> => {
    const own = new Redis(server.url);
    const admission = new Admission({ redis: own, prefix, fleet });
    const first = await admission.book(id, asking(1, { band }));
    let booked = first;
    starts.push(...startsOf(first));
    while (booked.atMs < first.atMs + 1_500) {
      const asked = asking(1 + (starts.length % 9), { band });
      booked = await admission.book(id, asked);
      starts.push(...startsOf(booked));
      await admission.settle(
        id,
        booked.delaysMs.map((_, i) => ended(asked.leases[i] as string)),
      );
    }
    admission.close();
    own.disconnect();
  };
  await Promise.all([client('a', 'batch'), client('b', 'batch'), client('b', 'interactive')]);

  starts.sort((x, y) => x - y);
  const perMs = (rpm * KNOWN_WINDOW.share) / 60_000;
  for (let i = 0; i < starts.length; i += 1) {
    for (let j = i; j < starts.length; j += 1) {
      const width = (starts[j] as number) - (starts[i] as number);
      const most = KNOWN_WINDOW.burstMs * perMs + width * perMs;
      assert.ok(j - i + 1 <= most + 0.01, `${j - i + 1} starts in ${width} ms`);
    }
  }
  const span = (starts.at(-1) ?? 0) - (starts[0] ?? 0);
  assert.ok(starts.length > 0.9 * span * perMs, `${starts.length} starts in ${span} ms`);
});

describe('permits', () => {
  const plan = { deployments: { a: { limits: { concurrency: 2 } } } };

  test('are freed by settling and by releasing, which also uncounts', async () => {
    const admission = open(plan);
    const asked = asking(3);
    const { delaysMs, binding } = await admission.book('a', asked);
    assert.deepEqual([delaysMs.length, binding?.dimension], [2, 'concurrency']);
    await admission.settle('a', [ended(asked.leases[0] as string)]);
    await admission.release('a', [asked.leases[1] as string]);
    const load = (await admission.read()).get('a');
    assert.deepEqual([load?.taken, load?.inFlight, load?.ok], [1, 0, 1]);
    assert.equal((await admission.book('a', asking(3))).delaysMs.length, 2);
  });

  test('lapse unless renewed', async () => {
    const { micros, pass } = clock();
    const admission = open(plan, micros);
    const asked = asking(2);
    const [kept, lost] = asked.leases as [string, string];
    await admission.book('a', asked);
    pass(9_000);
    assert.deepEqual(await admission.renew('a', [kept], 10_000), []);
    pass(2_000);
    assert.equal((await admission.read()).get('a')?.inFlight, 1);
    assert.equal((await admission.book('a', asking(2))).delaysMs.length, 1);
    assert.deepEqual(await admission.renew('a', [kept, lost], 10_000), [lost]);
  });

  test('of calls that had ended when they were renewed are freed, and nothing else is changed', async () => {
    const admission = open(plan, clock().micros);
    const asked = asking(2);
    const [gone] = asked.leases as [string];
    await admission.book('a', asked);
    await admission.settle('a', [ended(gone)]);
    const load = (await admission.read()).get('a');
    assert.deepEqual(await admission.renew('a', [gone], 10_000), [gone]);
    assert.equal((await admission.read()).get('a')?.concurrency?.used, 2);
    await admission.free('a', [gone]);
    assert.deepEqual((await admission.read()).get('a'), load);
  });

  test('of a budget with more than one are shared', async () => {
    const both = { limits: {}, org: true };
    const admission = open({ deployments: { a: both, b: both }, org: { concurrency: 3 } });
    await admission.book('a', asking(2));
    assert.equal((await admission.book('b', asking(2))).delaysMs.length, 1);
    assert.deepEqual((await admission.read()).get('b')?.concurrency, {
      budget: 'org',
      limit: 3,
      used: 3,
    });
  });
});

describe('what a provider says', () => {
  test('a pause holds the budgets that limit what a 429 named, or all', async () => {
    const { micros, pass } = clock();
    const shared = { limits: { rpm: 60_000 }, org: true };
    const deployments = { a: shared, b: shared };
    const admission = open({ deployments, org: { tpm: 1_000_000 } }, micros);
    const refused = { expected: cost(), limit: null, tookMs: 5, leaseMs: 10_000 };
    await admission.refused('a', { ...refused, limit: 'rpm', retryAfterMs: 3_000 });
    const held = await admission.book('a', asking(1));
    assert.equal(held.binding?.budget, 'a');
    assert.ok((held.waitMs ?? 0) >= 3_000 && (held.waitMs ?? 0) < 3_010);
    assert.equal((await admission.book('b', asking(1))).delaysMs.length, 1);
    await admission.refused('b', { ...refused, retryAfterMs: 2_000 });
    const waitMs = (await admission.book('b', asking(1))).waitMs ?? 0;
    assert.ok(waitMs >= 2_000 && waitMs < 2_010);
    const { pausedForMs, refusedForMs } = (await admission.read()).get('a') ?? {};
    assert.deepEqual([pausedForMs, refusedForMs], [3_000, 3_000]);
    pass(3_010);
    assert.equal((await admission.book('a', asking(1))).delaysMs.length, 1);
  });

  test('a pause lasts a minute at most, however long was asked for', async () => {
    const { micros, pass } = clock();
    const admission = open({ deployments: { a: { limits: {} } } }, micros);
    const said = { limit: 'rpd', retryAfterMs: 1e12 } as const;
    const refused = { expected: cost(), leaseMs: 10_000, ...said };
    await admission.refused('a', { ...refused, tookMs: 5 });
    assert.equal((await admission.book('a', asking(1))).waitMs, 60_000);
    // A call that was under way when the pause began is refused too.
    pass(1_000);
    await admission.refused('a', { ...refused, tookMs: 2_000 });
    assert.equal((await admission.book('a', asking(1))).waitMs, 60_000);
    pass(60_000);
    assert.equal((await admission.book('a', asking(1))).waitMs, null);
  });

  test('less left than we thought is believed, more is not', async () => {
    const { micros } = clock();
    const admission = open({ deployments: { a: { limits: { rpm: 600 } } } }, micros);
    const report = { dimension: 'rpm' as const, limit: 600, resetMs: 1_000 };
    await admission.observe('a', [{ ...report, remaining: 0 }]);
    const first = await admission.book('a', asking(1));
    assert.equal(Math.round(first.delaysMs[0] ?? 0), 102);
    await admission.observe('a', [{ ...report, remaining: 500 }]);
    const second = await admission.book('a', asking(1));
    assert.equal(Math.round(second.delaysMs[0] ?? 0), 203);
  });
});

describe('settling', () => {
  test('teaches what calls are like', async () => {
    const { micros } = clock();
    const admission = open({ deployments: { a: { limits: {} } } }, micros);
    const asked = asking(4);
    await admission.book('a', asked);
    const [first, second, third, fourth] = asked.leases as [string, string, string, string];
    await admission.settle('a', [
      ended(first, { characters: 30 }),
      ended(second, { outcome: 'timeout', actual: null, usage: null, tookMs: 60_000 }),
      ended(third, { outcome: 'rate_limited', actual: null, usage: null }),
      ended(fourth, { outcome: 'network', actual: null, usage: null }),
    ]);
    const load = (await admission.read()).get('a');
    assert.deepEqual(load?.byOutcome, { ok: 1, rate_limited: 1, timeout: 1, network: 1 });
    assert.deepEqual(load?.lastFailure, { class: 'network', atMs: 1_700_000_000_000 });
    assert.deepEqual(
      [load?.consecutiveFailures, load?.meanLatencyMs, load?.charsPerToken, load?.meanOutput],
      [2, 100, 3, 10],
    );
    assert.deepEqual([load?.inFlight, load?.costUsd], [0, 0.25]);
  });

  test('calls whose worker died count as failed, and speak against nobody', async () => {
    const admission = open({ deployments: { a: { limits: {} } } });
    const asked = asking(3);
    await admission.book('a', asked);
    const [first, second] = asked.leases as [string, string];
    await admission.settle('a', [
      ended(first),
      ended(second, { outcome: 'lost', actual: null, usage: null }),
    ]);
    await admission.lost('a', 2);
    const load = (await admission.read()).get('a');
    assert.deepEqual([load?.ok, load?.failed, load?.byOutcome], [1, 3, { ok: 1, lost: 3 }]);
    assert.equal(load?.consecutiveFailures, 0);
  });

  test('at full load all of the rate is used, however little of the burst', async () => {
    const { micros, pass } = clock();
    const rpm = 600 / KNOWN_WINDOW.share;
    const admission = open({ deployments: { a: { limits: { rpm } } } }, micros);
    const shown = async () => {
      const dims = (await admission.readBudgets()).get('a')?.dims[0];
      return [dims?.usedFraction ?? -1, dims?.burstUsedFraction ?? -1] as const;
    };
    assert.deepEqual(await shown(), [0, 0]);
    for (let second = 0; second < 25; second += 1) {
      assert.equal((await admission.book('a', asking(5))).delaysMs.length, 5);
      pass(500);
      await admission.book('a', asking(5));
      pass(500);
    }
    const [used, burstUsed] = await shown();
    assert.ok(used > 0.95 && burstUsed < 0.05, `${used} of the rate, ${burstUsed} of the burst`);
    pass(20_001);
    assert.deepEqual(await shown(), [0, 0]);
  });

  test('a call that cost more than booked postpones the next', async () => {
    const { micros } = clock();
    const tpm = 60_000 / KNOWN_WINDOW.share;
    const admission = open({ deployments: { a: { limits: { tpm } } } }, micros);
    const asked = asking(1);
    await admission.book('a', asked);
    await admission.settle('a', [ended(asked.leases[0] as string, { actual: cost(10, 1_000) })]);
    const dims = (await admission.read()).get('a')?.dims[0];
    assert.equal(Math.round(dims?.aheadMs ?? 0), 1_010);
    assert.equal(dims?.burstUsedFraction, 1);
  });

  test('a day with less left than a usual call takes shows as a pause too, input counted', async () => {
    const { micros } = clock();
    const admission = open({ deployments: { a: { limits: { tpd: 3_900 } } } }, micros);
    const booked = await admission.book('a', asking(5, { cost: cost(1_000, 5) }));
    assert.deepEqual([booked.delaysMs.length, booked.passedOver], [3, [3, 4]]);
    const load = (await admission.read()).get('a');
    assert.deepEqual(load?.windows[0]?.used, 3_015);
    assert.ok((load?.pausedForMs ?? 0) > 60_000);
    const small = asking(1, { cost: cost(100, 5) });
    assert.equal(
      (await admission.book('a', small)).delaysMs.length,
      1,
      'what is smaller still fits',
    );
  });

  test('a day that is used up shows as a pause until something falls out of it', async () => {
    const { micros } = clock();
    const admission = open({ deployments: { a: { limits: { rpd: 3 } } } }, micros);
    assert.deepEqual((await admission.book('a', asking(5))).passedOver, [3, 4]);
    const load = (await admission.read()).get('a');
    assert.ok(
      (load?.pausedForMs ?? 0) > 24 * 3_600_000 && load?.pausedForMs === load?.windows[0]?.nextMs,
    );
    assert.deepEqual([load?.windows[0]?.used, load?.windows[0]?.limit], [3, 3]);
    const budgets = await admission.readBudgets();
    assert.equal(budgets.get('a')?.windows[0]?.usedFraction, 1);
  });
});

describe('after a restart of Redis buckets are empty and leases last one term', () => {
  const fleet = makeFleet({ deployments: { a: { limits: { rpm: 600, concurrency: 6 } } } });

  for (const persistent of [true, false]) {
    test(
      persistent ? 'with all it had written' : 'with nothing, for who saw it before',
      async () => {
        const own = await startRedis({ persistent });
        const client = new Redis(own.url, { retryStrategy: () => 20 });
        client.on('error', () => undefined);
        const admission = new Admission({ redis: client, prefix: 'restart', fleet });
        const held = await admission.book('a', { ...asking(2), leaseMs: 1 });
        assert.deepEqual(held.delaysMs, [0, 0], 'a budget that was never used is full');
        await own.restart();
        const booked = await admission.book('a', asking(9));
        assert.deepEqual(booked.delaysMs.map(Math.round), [102, 203]);
        const { concurrency } = (await admission.readBudgets()).get('a') ?? {};
        assert.equal(concurrency?.used, 2, 'those of before have lapsed');
        const leases = await client.zcard('restart:{b:org}:leases:a');
        assert.equal(leases, persistent ? 4 : 2, 'but keep their permits for a term');
        admission.close();
        client.disconnect();
        await own.stop();
      },
    );
  }
});

test('slots: four for a deployment of which no limit is known, more as it answers, none where one is configured', async () => {
  const admission = open({ deployments: { a: { limits: {} }, b: { limits: { rpm: 60 } } } });
  const slots = async (id: string) => (await admission.read()).get(id)?.slots;
  assert.deepEqual(await slots('a'), [{ budget: 'a', size: 4, used: 0, taught: false }]);
  assert.deepEqual(await slots('b'), []);
  const asked = asking(4);
  await admission.book('a', asked);
  assert.equal((await slots('a'))?.[0]?.used, 4);
  await admission.settle(
    'a',
    asked.leases.map((lease) => ended(lease)),
  );
  assert.deepEqual(await slots('a'), [{ budget: 'a', size: 8, used: 0, taught: false }]);
});
