/** Classes of tenants with limits of their own: they take what these let through, and the others have the rest. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fleet, jobClass, perMinute, planOf } from './example-problems.ts';
import { explain } from './explain.ts';
import { idealDrain } from './ideal-drain.ts';
import type { DrainProblem, JobClass } from './problem.ts';

const near = (actual: number | undefined, expected: number): void =>
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= 1e-4 * expected, `${actual}`);

/** A class of a tenant whose `rpm` is that. */
const heldTo = (rpm: number, tenant: string, one: JobClass): JobClass => ({
  ...one,
  shaped: { ms: (one.jobs * 60_000) / rpm, tenant, limit: 'rpm' },
});

const KEYS = fleet({ mini: [perMinute('rpm', 600)], haiku: [perMinute('rpm', 200)] });
const slow = heldTo(60, 'team-a', jobClass('slow', 300, { on: ['mini'] }));
const free = jobClass('free', 200, { on: ['mini', 'haiku'] });
const beside = (more: Partial<JobClass> = {}): DrainProblem => ({
  classes: [slow, { ...free, ...more }],
  ...KEYS,
});

/** Beside one call a second of the other: 9 a second, and 200 a minute. */
const FREE_MS = 200 / (540 / 60_000 + 200 / 60_000);

describe('beside a tenant that may send one a second', () => {
  test('others have all that it cannot use, and end when that is enough', async () => {
    const plan = await planOf(beside());
    near(plan.finishMs['free'], FREE_MS);
    near(plan.quotas['free']?.['mini'], FREE_MS * (540 / 60_000));
    near(plan.finishMs['slow'], 300_000);
    near(plan.quotas['slow']?.['mini'], 300);
  });

  test('T* is when its limit has let the last one through; the fleet could be sooner', async () => {
    const plan = await planOf(beside());
    near(plan.idealMs, 300_000);
    near(plan.fleetMs, 37_500);
    const ideal = await idealDrain(beside());
    near(ideal.kind === 'solved' ? ideal.idealMs : undefined, 300_000);
  });

  test('what has a deadline that others could miss for it keeps it', async () => {
    const plan = await planOf(beside({ deadlineInMs: FREE_MS + 1_000 }));
    assert.deepEqual(plan.late, []);
    near(plan.finishMs['free'], FREE_MS);
    near(plan.quotas['slow']?.['mini'], 300);
  });

  test('it is late by its own limit, and nobody else is for that', async () => {
    const plan = await planOf({
      classes: [{ ...slow, deadlineInMs: 60_000 }, free],
      ...KEYS,
    });
    assert.deepEqual(
      plan.late.map((one) => one.class),
      ['slow'],
    );
    near(plan.finishMs['free'], FREE_MS);
  });

  test('a few others, for which the first second is enough, are done in it', async () => {
    const full = fleet({ mini: [perMinute('rpm', 600, 10)] });
    const plan = await planOf({ classes: [slow, jobClass('few', 5, { on: ['mini'] })], ...full });
    assert.ok((plan.finishMs['few'] ?? Infinity) < 1, `${plan.finishMs['few']}`);
    near(plan.quotas['slow']?.['mini'], 300);
  });
});

test('a limit wider than what the fleet can do holds nobody', async () => {
  const wide = { ...beside(), classes: [heldTo(6_000, 'team-a', { ...slow }), free] };
  const [plan, without] = await Promise.all([
    planOf(wide),
    planOf({ ...wide, classes: wide.classes.map((one) => ({ ...one, shaped: null })) }),
  ]);
  assert.deepEqual(plan.quotas, without.quotas);
  assert.deepEqual(plan.paced, {});
});

test('many with limits of their own: each has its own end, and the one without the rest', async () => {
  const held = [10, 20, 30, 40, 50, 60].map((rpm) =>
    heldTo(rpm, `t${rpm}`, jobClass(`t${rpm}`, 300, { on: ['mini'] })),
  );
  const plan = await planOf({ classes: [...held, free], ...KEYS });
  for (const one of held) near(plan.finishMs[one.id], one.shaped?.ms ?? Number.NaN);
  near(plan.finishMs['free'], 200 / ((600 - 210 + 200) / 60_000));
});

const told = async (problem: DrainProblem) =>
  explain(await planOf(problem), { class: (id) => id, deployment: (id) => id });

describe('in words', () => {
  test('a key that has room because a tenant may send no more names the limit of the tenant', async () => {
    const { deployments, classes } = await told({ classes: [slow], ...KEYS });
    assert.equal(
      deployments['mini'],
      'mini gets 100 % of slow: none of its limits is scarce; of its rpm 10 % is used; the rpm of tenant team-a lets no more through.',
    );
    assert.equal(
      classes['slow'],
      'slow: 300 jobs, 100 % on mini, done in 5 min, held to that by the rpm of tenant team-a.',
    );
  });

  test('the ceiling of a batch is named as such', async () => {
    const held = { ...slow, shaped: { ms: 300_000, tenant: 'team-a', limit: 'max_cost_usd' } };
    const { deployments } = await told({ classes: [held as JobClass], ...KEYS });
    assert.match(deployments['mini'] ?? '', /the max_cost_usd of a batch of tenant team-a lets/);
  });

  test('a key whose rate others take time for is scarce to them', async () => {
    const { deployments, classes } = await told(beside());
    assert.match(deployments['mini'] ?? '', /its rpm is the scarce limit; 1 more request/);
    assert.doesNotMatch(classes['free'] ?? '', /tenant/);
  });
});
