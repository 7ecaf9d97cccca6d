/**
 * When a batch will be done that does not drain yet, beside what does: by the same turns as the estimates of those that drain, as if
 * it had begun. So what a dry run says is what the batch says of itself first.
 */
import type { JobClass } from '@sluice/planning';
import { unfedOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { inTurns, turnsEndMs, USUAL_RATIO } from './eta.ts';
import { ofTurns } from './planner.ts';
import type { PlannerPorts } from './planner.ts';
import { PLACED } from './class-names.ts';
import { planProblem } from './plan-problem.ts';
import { shapedEnds } from './tenant-work.ts';
import type { ThriftyPorts } from './thrifty-plan.ts';

export type BesidePorts = ThriftyPorts &
  Pick<PlannerPorts, 'book' | 'alone' | 'limited' | 'weightOf'>;

/** Beside more batches than that it is reckoned after all of them: what each of these takes would cost more than it says. */
const MOST_BATCHES = 100;

/** By batch, when its tenant's own limits have let it through, ms from now; of many batches only those of this one's tenant. */
export function shapedBeside(
  ports: BesidePorts,
  batch: Draining,
): Promise<ReadonlyMap<string, number>> {
  const others = ports.feeder.draining.filter(({ id }) => id !== batch.id);
  const counted =
    others.length > MOST_BATCHES ? others.filter(({ tenant }) => tenant === batch.tenant) : others;
  return shapedEnds(ports, [...counted, batch]);
}

/** A batch as if it had just begun to drain. */
export interface Newcomer {
  batch: Draining;
  /** With the fleet to itself. */
  aloneMs: number;
  /** See {@link shapedBeside}. */
  shaped: ReadonlyMap<string, number>;
}

/** Ms from now, by the fleet's limits. */
export async function besideMs(ports: BesidePorts, newcomer: Newcomer): Promise<number> {
  const { batch, aloneMs } = newcomer;
  const others = ports.feeder.draining.filter(
    ({ id, classes }) => id !== batch.id && classes.some((one) => unfedOf(one) > 0),
  );
  if (others.length === 0) return aloneMs * USUAL_RATIO;
  const inTurnsMs = others.length > MOST_BATCHES ? null : await byTurns(ports, newcomer, others);
  return inTurnsMs ?? afterAllMs(ports, { aloneMs, others: others.length });
}

/** null = nobody can say. */
async function byTurns(
  ports: BesidePorts,
  { batch, aloneMs, shaped }: Newcomer,
  others: readonly Draining[],
): Promise<number | null> {
  const { alone, solve, weightOf } = ports;
  if (others.some((one) => !alone.isStuck(one) && alone.aloneMs(one) === null))
    await alone.look(ports.feeder.draining);
  const known = others.flatMap((one) => {
    const ms = alone.isStuck(one) ? 0 : alone.aloneMs(one);
    return ms === null ? [] : [{ ...ofTurns(one), aloneMs: ms }];
  });
  if (known.length < others.length) return null;
  // By the fleet's limits alone: those of tenants are in the turns.
  const { problem } = planProblem({ ...ports, shapingOf: () => null }, [...others, batch], 0);
  const planned = await solve({ ...problem, classes: problem.classes.map(asSoonAsCanBe) });
  if (planned.kind === 'failed') return null;
  const { fleetMs: togetherMs, finishMs } = planned.plan;
  const all = [...known, { ...ofTurns(batch), aloneMs }];
  const turns = inTurns(all, { togetherMs, weightOf, shaped });
  const placed = Object.entries(finishMs).filter(([id]) => id.startsWith(PLACED));
  const placedMs = Math.max(0, ...placed.map(([, ms]) => ms)) * USUAL_RATIO;
  return turnsEndMs(turns.get(batch.id) ?? togetherMs, placedMs);
}

const asSoonAsCanBe = (jobClass: JobClass): JobClass => ({
  ...jobClass,
  deadlineInMs: null,
  objective: 'time',
});

/** One after the other, and no longer than if each took as long. */
function afterAllMs(
  { book: { plan, madeAt }, now }: BesidePorts,
  { aloneMs, others }: { aloneMs: number; others: number },
): number {
  const leftMs = plan ? Math.max(0, madeAt + plan.fleetMs - now()) : aloneMs * others;
  return (leftMs + aloneMs) * USUAL_RATIO;
}
