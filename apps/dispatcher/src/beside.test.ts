/** Before it begins and when it has, a batch is told the same end beside what drains: by the order that turns keep. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ShapingLimits } from '@sluice/fairness';
import { makePlan } from '@sluice/planning';
import { besideMs } from './beside.ts';
import type { BesidePorts } from './beside.ts';
import type { Draining } from './draining.ts';
import { etaAt, inTurns } from './eta.ts';
import { besidePortsOf, drainingOfLines, fleetOf } from './example-fleet.ts';
import { ofTurns } from './planner.ts';
import { planProblem } from './plan-problem.ts';
import { shapedEnds } from './tenant-work.ts';

const NOW = 1_000;
const HOUR = 3_600_000;
const KEYS = `
deployments:
  mini: { provider: p, model: m, limits: { rpm: 600 } }
  haiku: { provider: p, model: m, limits: { rpm: 200 } }
pools: { fast: [mini], both: { tiers: [[mini, haiku]] } }
`;

interface Told {
  lines: number;
  pool?: string;
  tenant?: string;
  windowMs?: number;
  createdAt?: number;
}

const draining = (id: string, { lines, pool = 'fast', ...more }: Told): Draining =>
  drainingOfLines([{ shape: '1.1', lines, characters: 400, maxOutput: 16, pool }], {
    id,
    tenant: more.tenant ?? 'b',
    createdAt: NOW + (more.createdAt ?? 0),
    expiresAt: NOW + (more.createdAt ?? 0) + (more.windowMs ?? 24 * HOUR),
  });

const portsOf = (others: Draining[], limits: Record<string, ShapingLimits> = {}): BesidePorts =>
  besidePortsOf(fleetOf(KEYS), NOW, {
    solve: makePlan,
    draining: others,
    shapingOf: (tenant) => limits[tenant] ?? null,
  });

/** As a dry run says it, and as the batch does once it is planned for, s from now. */
async function told(
  own: Told,
  others: Told[],
  limits: Record<string, ShapingLimits> = {},
): Promise<{ before: number; after: number }> {
  const batch = draining('own', { createdAt: 10, ...own });
  const running = others.map((one, i) => draining(`other ${i}`, one));
  const ports = portsOf(running, limits);
  const all = [...running, batch];
  const shaped = await shapedEnds(ports, all);
  await ports.alone.look(all);
  const aloneMs = ports.alone.aloneMs(batch) ?? assert.fail();
  const before = Math.max(
    await besideMs(ports, { batch, aloneMs, shaped }),
    shaped.get('own') ?? 0,
  );
  const { problem, names } = planProblem(ports, all, 24 * HOUR);
  const planned = await makePlan(problem);
  assert.ok(planned.kind === 'solved');
  const known = all.map((one) => ({
    ...ofTurns(one),
    aloneMs: ports.alone.aloneMs(one) ?? assert.fail(),
  }));
  const turns = inTurns(known, { togetherMs: planned.plan.fleetMs, weightOf: () => 1, shaped });
  const at = etaAt({
    plan: planned.plan,
    madeAt: NOW,
    now: NOW,
    classes: batch.classes.map((one) => names.get(one) ?? ''),
    expiresAt: batch.expiresAt,
    inTurnsMs: turns.get('own') ?? null,
    keptMs: 0,
  });
  const after = Math.max(at - NOW, shaped.get('own') ?? 0);
  assert.ok(Math.abs(before - after) < 0.02 * after + 100, `told ${before}, then ${after}`);
  return { before: before / 1_000, after: after / 1_000 };
}

const within = (seconds: number, least: number, most: number): void =>
  assert.ok(seconds >= least && seconds <= most, `${seconds} s, ${least} to ${most} expected`);

describe('beside a batch of the same tenant', () => {
  test('with the same window it comes after it', async () => {
    within((await told({ lines: 1 }, [{ lines: 1_600 }])).before, 155, 180);
    within((await told({ lines: 100 }, [{ lines: 1_000 }])).before, 105, 125);
    within((await told({ lines: 100, pool: 'both' }, [{ lines: 600 }])).before, 50, 75);
  });

  test('with an earlier deadline it goes first', async () => {
    within((await told({ lines: 100, windowMs: HOUR }, [{ lines: 1_000 }])).before, 9, 13);
  });
});

describe('beside another tenant', () => {
  test('they share as long as both have work', async () => {
    // 200 at 10 a second, of which the first 10 at once.
    within((await told({ lines: 100 }, [{ lines: 1_000, tenant: 'a' }])).before, 18, 21);
  });

  test('of whom its own limits let little through it has all of the rest', async () => {
    const slow = { lines: 300, tenant: 'a' };
    within((await told({ lines: 150 }, [slow], { a: { rpm: 60 } })).before, 15, 18);
    const { before } = await told({ lines: 60, tenant: 'a' }, [slow], { a: { rpm: 60 } });
    within(before, 355, 365);
  });
});
