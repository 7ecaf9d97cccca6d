import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ShapingLimits } from '@sluice/fairness';
import type { BatchClass } from '@sluice/ledger';
import { makePlan } from '@sluice/planning';
import { besidePortsOf, drainingOfLines, exampleClass, fleetOf } from './example-fleet.ts';
import { estimate } from './estimate.ts';
import type { EstimatePorts } from './estimate.ts';
import { drainingClasses } from './draining.ts';
import type { Draining } from './draining.ts';
import { LengthsBook } from './lengths-book.ts';
import { planProblem } from './plan-problem.ts';

const NOW = 1_000;
const PRICED = `
deployments:
  mini: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 1, output: 10 } }
  free: { provider: p, model: m, limits: { rpm: 60 } }
pools: { fast: [mini], loose: [free] }
`;
const LINES = exampleClass({ jobs: 1_000, characters: 400_000, unsetOutput: 1_000 });
const batchOf = (classes: BatchClass[], windowMs = 86_400_000) => ({
  id: 'batch_1',
  tenant: 'a',
  priority: 'low' as const,
  maxTier: null,
  createdAt: NOW,
  expiresAt: NOW + windowMs,
  classes,
});

const portsOf = (config = PRICED, draining: Draining[] = []): EstimatePorts =>
  besidePortsOf(fleetOf(config), NOW, { solve: makePlan, draining });

test('before anything is known: a range from little to the maximum, and the usual length as likely', async () => {
  const { idealMs, costUsd, pools } = await estimate(portsOf(), batchOf([LINES]));
  const { inputTokens, outputTokens } = pools['fast'] ?? assert.fail();
  assert.equal(inputTokens.likely, 100_000);
  assert.equal(outputTokens.high, 1_024_000, 'at most the default maximum each');
  assert.ok(outputTokens.likely < outputTokens.high / 4);
  assert.ok(outputTokens.low < outputTokens.likely / 2);
  const { low, likely, high } = costUsd ?? assert.fail();
  assert.ok(low < likely && likely < high);
  assert.ok(Math.abs(likely - (0.1 + outputTokens.likely / 1e5)) < 1e-9);
  assert.ok(idealMs !== null && idealMs > 98_000 && idealMs < 101_000);
});

test('answers narrow it: of the tenant, and of nobody else', async () => {
  const ports = portsOf();
  const answers = Array.from({ length: 500 }, () => 40);
  const lengths = new LengthsBook(() => NOW);
  lengths.answered({ pool: 'fast', tenant: 'a', batch: null, lineClass: null }, answers);
  const { pools } = await estimate({ ...ports, lengths }, batchOf([LINES]));
  const { low, likely, high } = pools['fast']?.outputTokens ?? assert.fail();
  assert.ok(Math.abs(likely - 40_000) < 2_000, `${likely}`);
  assert.ok(low > 24_000 && high < 90_000, `${low} … ${high}`);
});

const arms = (strict: boolean): string => `
deployments:
  mini: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 1, output: 10 } }
  wide: { provider: p, model: m, limits: { rpm: 6000 }, price: { input: 3, output: 30 } }
pools: { fast: { strategy: { name: split, arms: { mini: 50, wide: 50 }, strict: ${strict} }, tiers: [[mini, wide]] } }
`;

test('lines that are kept to arms: the arm that is slowest for its percentage says how long, and its price counts', async () => {
  const strict = await estimate(portsOf(arms(true)), batchOf([LINES]));
  assert.ok(strict.idealMs !== null && strict.idealMs > 48_000 && strict.idealMs < 51_000);
  assert.equal(strict.pools['fast']?.lines, 1_000);
  const mini = await estimate(portsOf(), batchOf([LINES]));
  const ratio = (strict.costUsd?.likely ?? 0) / (mini.costUsd?.likely ?? 0);
  assert.ok(Math.abs(ratio - (0.5 + 0.5 * 3)) < 1e-6, `${ratio}`);
  const loose = await estimate(portsOf(arms(false)), batchOf([LINES]));
  assert.ok((loose.idealMs as number) < strict.idealMs / 4, `${loose.idealMs}`);
  const one = { ...LINES, jobs: 1, characters: 400, unsetOutput: 1 };
  const single = await estimate(portsOf(arms(true)), batchOf([one]));
  assert.equal(single.pools['fast']?.lines, 1);
  assert.equal(single.inputTokens.likely, 100);
});

test('pools stand apart; without a price the sum is unknown', async () => {
  const loose = { ...LINES, pool: 'loose', jobs: 10, characters: 400, unsetOutput: 10 };
  const { pools, costUsd } = await estimate(portsOf(), batchOf([LINES, loose]));
  assert.equal(pools['loose']?.costUsd, null);
  assert.equal(pools['loose']?.lines, 10);
  assert.ok((pools['fast']?.costUsd?.likely ?? 0) > 0);
  assert.equal(costUsd, null);
});

test('no deployment, no T*', async () => {
  const nobody = await estimate(portsOf(), batchOf([{ ...LINES, pool: 'deployment/gone' }]));
  assert.deepEqual([nobody.idealMs, nobody.etaMs], [null, null]);
});

test('nobody takes calls: no T* and no end, but what it would cost', async () => {
  const stopped = await estimate({ ...portsOf(), usable: () => false }, batchOf([LINES]));
  assert.deepEqual([stopped.idealMs, stopped.etaMs], [null, null]);
  assert.ok((stopped.costUsd?.likely ?? 0) > 0);
  const free = { ...LINES, pool: 'loose' };
  const ports = { ...portsOf(), usable: (id: string) => id !== 'free' };
  const partly = await estimate(ports, batchOf([LINES, free]));
  assert.equal(partly.idealMs, null, 'a part of it has nobody');
});

test('lines too large for a whole minute of a limit: when they are done nobody can say, and why is said', async () => {
  const narrow = PRICED.replace('rpm: 600 }', 'rpm: 600, tpm: 1000 }');
  const { idealMs, etaMs, hints, costUsd } = await estimate(portsOf(narrow), batchOf([LINES]));
  assert.deepEqual([idealMs, etaMs], [null, null]);
  assert.ok((costUsd?.likely ?? 0) > 0);
  assert.match(
    hints?.[0] ?? '',
    /at mini a request takes about 1,124 tokens, more than tpm of budget mini lets through in a minute \(1,000\)/,
  );
  const some = { ...LINES, maxOutput: 500 * 100, unsetOutput: 500 };
  const mixed = await estimate(portsOf(narrow), batchOf([some]));
  assert.ok(mixed.idealMs !== null, 'half of them fit');
  const both = narrow.replace('fast: [mini]', 'fast: [mini, free]');
  const other = await estimate(portsOf(both), batchOf([LINES]));
  const alone = await estimate(portsOf(both.replace('[mini, free]', '[free]')), batchOf([LINES]));
  assert.deepEqual([other.idealMs, other.hints], [alone.idealMs, []], 'all goes to the other');
});

test('lines that only an arm of 0 % can say: nobody ever takes them', async () => {
  const all = arms(true).replace('mini: 50, wide: 50', 'mini: 100, wide: 0');
  const ports = portsOf(all);
  const wide = { ...ports, eligible: () => new Set(['wide']) };
  assert.equal((await estimate(wide, batchOf([LINES]))).idealMs, null);
  assert.ok((await estimate(ports, batchOf([LINES]))).idealMs !== null);
});

test('a line behind 1,600 of its tenant is told that it comes after them, before them with an earlier deadline', async () => {
  const one = { ...LINES, jobs: 1, characters: 400, unsetOutput: 1 };
  const lines = { shape: '1.4', lines: 1_600, characters: 400, maxOutput: 16 };
  const before = { id: 'batch_0', tenant: 'a', createdAt: 0, expiresAt: NOW + 86_400_000 };
  const ports = portsOf(PRICED, [drainingOfLines([lines], before)]);
  const behind = await estimate(ports, batchOf([one]));
  assert.ok(Math.abs((behind.etaMs ?? 0) - 165_000) < 10_000, `${behind.etaMs}`);
  const first = await estimate(ports, batchOf([one], 3_600_000));
  assert.ok((first.etaMs ?? Infinity) < 2_500, `${first.etaMs}`);
});

const SAVING = `
deployments:
  cheap: { provider: p, model: m, limits: { rpm: 100, tpm: 100000 }, price: { input: 0.15, output: 0.6 } }
  dear: { provider: p, model: m, limits: { rpm: 300, tpm: 100000 }, price: { input: 2.5, output: 10 } }
pools: { fast: { strategy: cost, tiers: [[cheap, dear]] } }
`;
const MIXED = [
  { ...LINES, characters: 200_000, maxOutput: 20_000, unsetOutput: 0 },
  { ...LINES, index: 'index-1', shape: '1.9', characters: 2_000_000, maxOutput: 400_000 },
].map((one) => ({ ...one, unsetOutput: 0 }));

/** Of deployments whose calls are known to take so long, ms. */
function savingPorts(latencies: Record<string, number>): EstimatePorts {
  const ports = portsOf(SAVING);
  const loads = Object.entries(latencies).map(([id, meanLatencyMs]) => {
    const load = ports.picture.load(id) ?? assert.fail();
    return [id, { ...load, meanLatencyMs }] as const;
  });
  ports.picture.update(new Map(loads), NOW);
  return ports;
}

test('saving money: a window that cannot be kept is no reason to be later than without one', async () => {
  const ports = savingPorts({ cheap: 2_000, dear: 300 });
  for (const seconds of [60, 150, 250]) {
    const { etaMs, idealMs } = await estimate(ports, batchOf(MIXED, seconds * 1_000));
    assert.ok(idealMs !== null && etaMs !== null && idealMs > 250_000);
    assert.ok(etaMs > idealMs && etaMs < 1.06 * idealMs, `${seconds} s: ${etaMs} of ${idealMs}`);
  }
});

test('saving money: a window that the plan keeps is told as kept, with time to record what is answered last', async () => {
  for (const seconds of [360, 400, 500, 600]) {
    const { etaMs } = await estimate(portsOf(SAVING), batchOf(MIXED, seconds * 1_000));
    const aheadMs = seconds * 1_000 - (etaMs ?? Infinity);
    assert.ok(aheadMs >= 1_000 && aheadMs < 5_000, `${seconds} s: ${aheadMs} ms before its end`);
  }
});

test('says what it goes by, and where that is from', async () => {
  const { assumed } = await estimate(portsOf(), batchOf([LINES]));
  assert.deepEqual(assumed, {
    outputTokens: { fast: { value: 211, from: 'default' } },
    deployments: {
      mini: {
        charsPerToken: { value: 4, from: 'default' },
        maxTokens: { value: 1_024, from: 'default' },
        latencyMs: { value: null, from: 'default' },
      },
    },
  });
  const config = PRICED.replace('limits: { rpm: 600 },', '$& default_max_tokens: 50,');
  const lengths = new LengthsBook(() => NOW);
  lengths.answered({ pool: 'fast', tenant: 'a', batch: null, lineClass: null }, [40, 40]);
  const told = await estimate({ ...portsOf(config), lengths }, batchOf([LINES]));
  assert.equal(told.assumed.outputTokens['fast']?.from, 'answers');
  assert.deepEqual(told.assumed.deployments['mini']?.maxTokens, { value: 50, from: 'config' });
});

test('what a line without a maximum is booked with is told of deployments that may get one', async () => {
  const set = exampleClass({ pool: 'loose', maxOutput: 100 * 50 });
  const { assumed } = await estimate(portsOf(), batchOf([LINES, set]));
  assert.equal(assumed.deployments['free']?.maxTokens, null);
  assert.equal(assumed.deployments['mini']?.maxTokens?.value, 1_024);
});

const about = (maxOutput: number, over: Partial<BatchClass> = {}): BatchClass =>
  exampleClass({ maxOutput: 100 * maxOutput, ...over });

async function hintsOf(
  classes: BatchClass[],
  lengths = portsOf().lengths,
): Promise<string[] | undefined> {
  return (await estimate({ ...portsOf(), lengths }, batchOf(classes))).hints;
}

test('lines that are counted at their maximum, for nobody has answered, are told', async () => {
  assert.match(
    (await hintsOf([about(200)]))?.join() ?? '',
    /^Nothing is known yet of the lengths of answers: every line is counted at or near the maximum \(200 tokens in the mean\), and the real cost is often a fraction/,
  );
  assert.match(
    (await hintsOf([about(200), about(2_000), about(100)]))?.join() ?? '',
    /: 200 of the 300 lines are counted at or near the maximum \(150 tokens/,
  );
  assert.deepEqual(await hintsOf([about(2_000)]), [], 'it counts with a tenth of that');
  assert.deepEqual(await hintsOf([{ ...about(0), unsetOutput: 100 }]), []);
  const lengths = new LengthsBook(() => NOW);
  lengths.answered({ pool: 'fast', tenant: 'a', batch: null, lineClass: null }, [40, 40]);
  assert.deepEqual(await hintsOf([about(200)], lengths), []);
});

async function etaUnder(shaping: ShapingLimits, singles = 0): Promise<number> {
  const work = { jobs: singles, tokens: 0, callMs: 0 };
  const limited = {
    shapingOf: (tenant: string) => (tenant === 'a' ? shaping : null),
    singlesOf: () => Promise.resolve(new Map(singles > 0 ? [['a', work]] : [])),
  };
  const { etaMs, idealMs } = await estimate({ ...portsOf(), limited }, batchOf([LINES]));
  assert.ok(idealMs !== null && idealMs < 101_000, 'T* is of the fleet');
  return etaMs ?? assert.fail();
}

test("a tenant's own limits say when it is done, not what the fleet could do", async () => {
  const free = await etaUnder({});
  assert.ok(free < 110_000);
  assert.equal(await etaUnder({ rpm: 60 }), 1_000_000);
  assert.equal(await etaUnder({ rpm: 60 }, 200), 1_200_000, 'what else waits of it goes first');
  assert.ok((await etaUnder({ tpm: 10_000 })) > 600_000, 'over 100,000 tokens');
  assert.equal(await etaUnder({ rpm: 6_000 }), free, 'the fleet is slower');
});

/** Two keys of 60 and 300 requests a minute, and one 20 times as dear that is much wider. */
const THRIFTY = `
deployments:
  a: { provider: p, model: m, limits: { rpm: 60 }, price: { input: 1, output: 10 }, accounting: { output: actual } }
  b: { provider: p, model: m, limits: { rpm: 300 }, price: { input: 1, output: 10 }, accounting: { output: actual } }
  dear: { provider: p, model: l, limits: { rpm: 6000 }, price: { input: 20, output: 200 } }
pools: { cheap: { strategy: cost, tiers: [[a, b, dear]] }, fast: [a, b, dear] }
`;
/** So narrow that it depends on the lengths of answers how many lines fit into three quarters of a minute. */
const NARROW = THRIFTY.replaceAll(/rpm: (60|300) /g, 'rpm: 6000, tpm: 26000 ');
const SMALL: BatchClass = {
  ...LINES,
  pool: 'cheap',
  jobs: 200,
  characters: 80_000,
  unsetOutput: 200,
};

/** What `cost` pays when each answer has so many tokens, by the plan that is then made. */
async function paidWith(tokens: number, lines: BatchClass, windowMs: number): Promise<number> {
  const ports = portsOf(NARROW);
  const lengths = new LengthsBook(() => NOW);
  const answers = Array.from({ length: 100_000 }, () => tokens);
  lengths.answered({ pool: 'cheap', tenant: 'a', batch: 'batch_1', lineClass: 0 }, answers);
  const batch = drainingOfLines([], { id: 'batch_1', expiresAt: NOW + windowMs });
  const classes = drainingClasses({ id: 'batch_1', classes: [lines], cursors: [], fed: 0 });
  const { problem } = planProblem({ ...ports, lengths }, [{ ...batch, classes }], 1e9);
  const planned = await makePlan(problem);
  assert.ok(planned.kind === 'solved');
  return planned.plan.costUsd ?? Number.NaN;
}

test('lines that save money: cost and end are of the cheapest plan in time, T* is the best there could be', async () => {
  const { idealMs, etaMs, costUsd, thrifty } = await estimate(portsOf(THRIFTY), batchOf([SMALL]));
  const quick = await estimate(portsOf(THRIFTY), batchOf([{ ...SMALL, pool: 'fast' }]));
  assert.deepEqual([thrifty, quick.thrifty], [['cheap'], []]);
  assert.equal(idealMs, quick.idealMs);
  // 200 at 360 a minute, and what planning leaves of it; the dear one would have them done in two seconds.
  assert.ok(etaMs !== null && etaMs > 30_000 && etaMs < 45_000, `${etaMs}`);
  assert.ok((idealMs ?? Infinity) < 3_000 && (quick.etaMs ?? Infinity) < 4_000);
  const likely = 200 * ((100 * 1 + 211 * 10) / 1e6);
  assert.ok(Math.abs((costUsd?.likely ?? 0) - likely) < 1e-6, 'nothing of it on the dear one');
  assert.ok((quick.costUsd?.likely ?? 0) > 10 * likely);
});

test('its range holds what it then costs, also where a part must go to the dear one', async () => {
  const windowMs = 45_000;
  for (const learnt of [40, 200]) {
    const ports = portsOf(NARROW);
    const lengths = new LengthsBook(() => NOW);
    const before = Array.from({ length: 500 }, () => learnt);
    lengths.answered({ pool: 'cheap', tenant: 'a', batch: null, lineClass: null }, before);
    const { costUsd } = await estimate({ ...ports, lengths }, batchOf([SMALL], windowMs));
    const { low, likely, high } = costUsd ?? assert.fail();
    assert.ok(low <= likely && likely <= high, `${low} ${likely} ${high}`);
    const cheap = 200 * ((100 + learnt * 10) / 1e6);
    assert.equal(
      likely > 1.5 * cheap,
      learnt === 200,
      `${learnt}: ${likely}, ${cheap} on the cheap ones`,
    );
    for (const factor of [0.7, 1, 1.45]) {
      const paid = await paidWith(learnt * factor, SMALL, windowMs);
      assert.ok(paid >= low && paid <= high, `${learnt} × ${factor}: ${low} ≤ ${paid} ≤ ${high}`);
    }
  }
});

const unsolved = () => Promise.resolve({ kind: 'failed' as const, reason: 'no time' });

test('without a plan, an estimate goes by T*', async () => {
  const { thrifty, etaMs } = await estimate(
    { ...portsOf(THRIFTY), solve: unsolved },
    batchOf([SMALL]),
  );
  assert.deepEqual(thrifty, []);
  assert.ok((etaMs ?? Infinity) < 4_000);
});

test('a ceiling that the cheap deployment alone could spend pays for as many lines as that does', async () => {
  const ports = portsOf(`
deployments:
  cheap: { provider: p, model: m, limits: { rpm: 6000 }, price: { input: 100, output: 1000 } }
  dear: { provider: p, model: m, limits: { rpm: 6000 }, price: { input: 1000, output: 10000 } }
pools: { fast: [cheap, dear] }
`);
  const jobs = 12_000;
  const classes = [exampleClass({ jobs, characters: 40 * jobs, maxOutput: 400 * jobs })];
  const free = await estimate(ports, batchOf(classes));
  assert.equal(free.paidLines, undefined);
  // Of the lines at both of them, which cost about five times as much in the mean as those at the cheap one.
  const ceiling = (120 * (free.costUsd?.likely ?? 0)) / jobs;
  const { paidLines } = await estimate(ports, { ...batchOf(classes), maxCostUsd: ceiling });
  const { low, likely, high } = paidLines ?? assert.fail();
  assert.ok(likely > 500 && likely < 700, `${likely} lines`);
  assert.ok(low < 0.8 * likely && high > 1.2 * likely, `${low} to ${high}`);
});
