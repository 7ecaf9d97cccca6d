/** What is one class of the plan's problem, and what is said of it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import type { Fleet } from '@sluice/job';
import { makePlan } from '@sluice/planning';
import { ceilingOf } from './ceiling.ts';
import { PLACED } from './class-names.ts';
import type { Draining, DrainingClass } from './draining.ts';
import { drainingOfLines, fleetOf, pictureOf, problemPortsOf } from './example-fleet.ts';
import type { Picture } from './picture.ts';
import { etaAt } from './eta.ts';
import { planProblem } from './plan-problem.ts';
import type { ProblemPorts } from './plan-problem.ts';

const NOW = 1_000;
const TWO = `
deployments:
  tokens: { provider: p, model: m, limits: { rpm: 600, tpm: 6000000 } }
  calls: { provider: p, model: m, limits: { rpm: 6000, tpm: 600000 } }
pools: { fast: [tokens, calls], turns: { strategy: round_robin, tiers: [[tokens, calls]] } }
`;
const SMALL = { shape: '1.1', lines: 4_000, characters: 400, maxOutput: 16 };

const portsOf = (fleet: Fleet, picture: Picture): ProblemPorts => ({
  ...problemPortsOf(fleet, NOW),
  picture,
});

const problemOf = (batches: Draining[], horizonMs = 1e9, config = TWO) => {
  const fleet = fleetOf(config);
  const picture = pictureOf(fleet, NOW);
  return { picture, ...planProblem(portsOf(fleet, picture), batches, horizonMs) };
};

const heldTo60 = (tenant: string) => (tenant === 'team-a' ? { rpm: 60 } : null);
const heldByName = (tenant: string) => ({ rpm: Number(tenant.slice(1)) });

const withDeadlines = (count: number): Draining[] =>
  Array.from({ length: count }, (_, i) =>
    drainingOfLines([SMALL], { expiresAt: NOW + 1_000 * (i + 1) }),
  );

const priced = (price: number, more = '') =>
  `{ provider: p, model: m, limits: { rpm: 60 }, price: { input: ${price}, output: ${price} }${more} }`;

const pricedKeys = (settings: string) => `
deployments:
  a: ${priced(1)}
  b: ${priced(1)}
  near: ${priced(1.08)}
  dear: ${priced(9)}
  unknown: { provider: p, model: m, limits: { rpm: 60 } }
pools: { fast: { strategy: ${settings}, tiers: [[a, b, near, dear, unknown]] } }
`;

const countedBy = (settings: string) => {
  const fleet = fleetOf(pricedKeys(settings));
  const picture = pictureOf(fleet, NOW);
  const learnt = { a: 4.05, b: 3.82, near: 3.9, dear: 4, unknown: 4 };
  const loads = Object.entries(learnt).map(([id, charsPerToken], i) => {
    const known = { ok: 10 + 20 * i, charsPerToken, meanOutput: 40 + i };
    return [id, { ...(picture.load(id) as DeploymentLoad), ...known }] as const;
  });
  picture.update(new Map(loads), NOW);
  const { problem } = planProblem(portsOf(fleet, picture), [drainingOfLines([SMALL])], 1e9);
  return problem.classes[0]?.deployments ?? assert.fail();
};

describe('what is planned', () => {
  test('lines alike of several batches are one class, of their mean cost; what is fed counts no more', () => {
    const [one, other] = [drainingOfLines([SMALL]), drainingOfLines([{ ...SMALL, lines: 1_000 }])];
    (one.classes[0] as { taken: number }).taken = 3_000;
    const { problem } = problemOf([one, other]);
    assert.deepEqual(
      problem.classes.map(({ jobs, deployments }) => [jobs, deployments['calls']?.cost.input]),
      [[2_000, 100]],
    );
  });

  test('so are those of as many batches as there may be', () => {
    const fleet = fleetOf(TWO);
    const picture = pictureOf(fleet, NOW);
    const load = picture.load('calls') as DeploymentLoad;
    picture.update(new Map([['calls', { ...load, meanOutput: 600 }]]), NOW);
    const [one] = drainingOfLines([{ ...SMALL, lines: 1 }]).classes;
    const batches = Array.from({ length: 20_000 }, () =>
      drainingOfLines([], { classes: [{ ...(one as DrainingClass) }] }),
    );
    const { problem } = planProblem(portsOf(fleet, picture), batches, 1e9);
    assert.deepEqual(
      problem.classes.map(({ jobs }) => jobs),
      [20_000],
    );
  });

  test('deadlines that may bite make classes of their own, unless there are too many', () => {
    const deadlines = problemOf(withDeadlines(3), 2_500).problem.classes.map(
      (one) => one.deadlineInMs,
    );
    assert.deepEqual(deadlines, [950, 1_900, 2_850]);
    assert.equal(problemOf(withDeadlines(100), 1e9).problem.classes.length, 1);
  });

  test('lines of a tenant with limits of its own are a class that knows how long these take', () => {
    const fleet = fleetOf(TWO);
    const shapingOf = heldTo60;
    const ports = { ...portsOf(fleet, pictureOf(fleet, NOW)), shapingOf };
    const [held, other] = ['team-a', 'team-b'].map((tenant) =>
      drainingOfLines([SMALL], { tenant }),
    );
    assert.ok(held && other);
    const { problem, names } = planProblem(ports, [held, other], 1e9);
    const shaped = problem.classes.map((one) => [one.jobs, one.shaped ?? null]);
    const bySeconds = { limit: 'rpm', ms: 4_000_000, tenant: 'team-a' };
    assert.deepEqual(shaped, [
      [4_000, bySeconds],
      [4_000, null],
    ]);
    assert.notEqual(names.get(held.classes[0] as never), names.get(other.classes[0] as never));
  });

  test('of many such tenants those are classes of their own that are held longest', () => {
    const fleet = fleetOf(TWO);
    const shapingOf = heldByName;
    const ports = { ...portsOf(fleet, pictureOf(fleet, NOW)), shapingOf };
    const batches = Array.from({ length: 100 }, (_, i) =>
      drainingOfLines([SMALL], { tenant: `t${i + 1}` }),
    );
    const { problem } = planProblem(ports, batches, 1e9);
    assert.equal(problem.classes.length, 51);
    assert.equal(
      problem.classes.reduce((sum, { jobs }) => sum + jobs, 0),
      400_000,
    );
    const held = problem.classes.flatMap(({ shaped }) => (shaped ? [shaped.tenant] : []));
    assert.ok(held.includes('t1') && held.includes('t50') && !held.includes('t51'));
  });

  test('what stands on a queue takes its part of the limits first', () => {
    const { picture, problem } = problemOf([drainingOfLines([SMALL])]);
    assert.ok(problem.classes.every(({ id }) => !id.startsWith(PLACED)));
    const cost = { requests: 1 as const, input: 50, output: 5, usd: 0 };
    picture.placed('tokens', 7, { cost, now: NOW });
    const fleet = fleetOf(TWO);
    const { problem: again } = planProblem(
      portsOf(fleet, picture),
      [drainingOfLines([SMALL])],
      1e9,
    );
    const placed = again.classes.find(({ id }) => id === `${PLACED}tokens`);
    assert.deepEqual([placed?.jobs, Object.keys(placed?.deployments ?? {})], [7, ['tokens']]);
  });

  test('classes of a pool that goes by cost save money', () => {
    const config = TWO.replace('round_robin', 'cost');
    const batch = drainingOfLines([SMALL, { ...SMALL, pool: 'turns' }]);
    const { problem } = problemOf([batch], 1e9, config);
    assert.deepEqual(
      problem.classes.map(({ objective }) => objective),
      ['time', 'cost'],
    );
  });

  test('keys of one model and price count as of one price, whatever each has learnt of its tokens', () => {
    const { a, b, near, dear, unknown } = countedBy('cost');
    assert.notEqual(a?.cost.input, b?.cost.input, 'limits go by what each has learnt');
    assert.ok(a?.countsAsUsd && a.countsAsUsd === b?.countsAsUsd);
    assert.ok(Math.abs((near?.countsAsUsd ?? 0) / a.countsAsUsd - 1.08) < 1e-9);
    assert.ok(Math.abs((dear?.countsAsUsd ?? 0) / a.countsAsUsd - 9) < 1e-9);
    assert.equal(unknown?.countsAsUsd, null);
    const wide = countedBy('{ name: cost, within_percent: 10 }');
    assert.equal(wide['near']?.countsAsUsd, wide['a']?.countsAsUsd);
    assert.equal(countedBy('capacity')['a']?.countsAsUsd, undefined, 'nobody compares prices');
  });
});

/** A line costs 0.0002 at most at the cheap one, 0.004 at the dear one; half of that where nobody has answered. */
const PRICED = `
deployments:
  cheap: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 1, output: 1 } }
  dear: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 20, output: 20 } }
pools: { fast: [cheap, dear] }
`;
const LINES = { shape: '1.1', lines: 400, characters: 400, maxOutput: 100 };
const ceilingFor = (maxCostUsd: number, over: { costUsd?: number; completed?: number } = {}) => ({
  ceiling: ceilingOf({ maxCostUsd, costUsd: 0, completed: 0, failed: 0, fed: 0, ...over }),
});

const classesOf = (batch: Draining, more: Draining[] = []) =>
  problemOf([batch, ...more], 1e9, PRICED).problem.classes;

describe('of a batch with a ceiling', () => {
  test('all lines count while it pays for them however dear they become', () => {
    const [one, none] = classesOf(drainingOfLines([LINES], ceilingFor(2)));
    assert.deepEqual([one?.jobs, one?.shaped, none], [400, undefined, undefined]);
    assert.deepEqual(Object.keys(one?.deployments ?? {}), ['cheap', 'dear']);
  });

  test('only those count that it pays for, where they are cheap, and as few at a time as it pays for', () => {
    const [held, free] = classesOf(
      drainingOfLines([LINES], { ...ceilingFor(0.004), tenant: 'b' }),
      [drainingOfLines([LINES], { id: 'batch_2' })],
    );
    // Of 100 and 100 tokens at most, and that is what is expected of them: so 20.
    assert.equal(held?.jobs, 20);
    assert.deepEqual(Object.keys(held.deployments), ['cheap']);
    assert.deepEqual([held.shaped?.limit, held.shaped?.tenant], ['max_cost_usd', 'b']);
    assert.ok(
      Math.abs((held.shaped?.ms ?? 0) - 1_250) < 1,
      'a call, taken for a second, and the look at what it cost, which does not wait for the next round',
    );
    assert.deepEqual([free?.jobs, free?.shaped], [400, undefined]);
    assert.deepEqual(Object.keys(free?.deployments ?? {}), ['cheap', 'dear']);
  });

  test('what it has spent, and those under way, leave less', () => {
    const batch = drainingOfLines([LINES], {
      ...ceilingFor(0.004, { costUsd: 0.001, completed: 5 }),
      fed: 10,
    });
    assert.equal(classesOf(batch)[0]?.jobs, 10);
  });

  test('one of several classes has its part', () => {
    const batch = drainingOfLines([LINES, { ...LINES, shape: '1.2' }], ceilingFor(0.004));
    assert.deepEqual(
      classesOf(batch).map(({ jobs }) => jobs),
      [10, 10],
    );
  });
});

const TWO_KEYS = `
deployments:
  a: { provider: p, model: m, limits: { rpm: 300, tpm: 100000 } }
  b: { provider: p, model: m, limits: { rpm: 300, tpm: 100000 } }
pools: { fast: [a, b] }
`;

describe('what is booked ahead', () => {
  const fleet = fleetOf(TWO_KEYS);
  /** The batch of 2,000 lines with so much booked of b's tokens, looked at a second before. */
  const withBooked = (aheadMs: number) => {
    const picture = pictureOf(fleet, NOW);
    const load = picture.load('b') as DeploymentLoad;
    const dims = load.dims.map((dim) => ({
      ...dim,
      aheadMs: dim.dimension === 'tpm' ? aheadMs : 900,
    }));
    picture.update(new Map([['b', { ...load, dims }]]), NOW - 1_000);
    const batch = drainingOfLines([{ ...SMALL, lines: 2_000 }]);
    return planProblem(portsOf(fleet, picture), [batch], 1e9);
  };
  const etaOf = async (aheadMs: number) => {
    const { problem, names } = withBooked(aheadMs);
    const planned = await makePlan(problem);
    assert.ok(planned.kind === 'solved');
    const at = { madeAt: NOW, now: NOW, expiresAt: NOW + 1e9, inTurnsMs: null, keptMs: 0 };
    return etaAt({ ...at, plan: planned.plan, classes: [...names.values()] }) - NOW;
  };

  test('of a limit beyond the usual is in the problem, and in the estimate at once', async () => {
    const free = await etaOf(0);
    const late = await etaOf(61_000);
    // A minute of one key of two, which the other makes up for by half; a second or two of it is usual.
    assert.ok(late - free > 28_000 && late - free < 32_000, `${free} ${late}`);
  });

  test('as it always is at full speed changes nothing', async () => {
    assert.deepEqual(withBooked(2_900).problem, withBooked(0).problem);
    assert.equal(await etaOf(2_900), await etaOf(0));
  });

  test('for less than until the next plan changes nothing', () => {
    assert.deepEqual(withBooked(6_000).problem, withBooked(0).problem);
    assert.notDeepEqual(withBooked(6_100).problem, withBooked(0).problem);
  });

  test('no longer counts than anything waits for it', async () => {
    assert.equal(await etaOf(500_000), await etaOf(61_000));
  });
});
