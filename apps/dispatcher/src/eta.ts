/** When a batch will be done, by the plan in force and by whose turn it is. Pure. */
import { fluidFinish } from '@sluice/fairness';
import { renewalMs } from '@sluice/planning';
import type { Plan } from '@sluice/planning';
import type { Draining } from './draining.ts';
import { PLACED } from './class-names.ts';
import { answeredWithin, TAIL_MS } from './due.ts';

export interface EtaFacts {
  plan: Pick<Plan, 'finishMs' | 'pairs' | 'rows'>;
  /** Unix ms, as `now`. */
  madeAt: number;
  now: number;
  /** The plan's classes that its lines belong to. */
  classes: readonly string[];
  /** When its window ends, Unix ms. */
  expiresAt: number;
  /** When the last of its lines would be placed by turns, ms from now; null = it goes by the plan alone. */
  inTurnsMs: number | null;
  /** How long it takes alone where lines are kept to arms, of which the plan knows nothing, ms from now; 0 = they are not. */
  keptMs: number;
}

/** Pacing margin, the fill of the pipeline and retries: what a drain usually takes beyond T*. */
export const USUAL_RATIO = 1.05;

/**
 * The plan says when all that waits will be done, by the limits of now; turns say who is done sooner. Unix ms.
 */
export function etaAt(facts: EtaFacts): number {
  const { now, keptMs } = facts;
  const byPlan = planned(facts);
  return keptMs > 0 ? Math.max(byPlan, Math.round(now + keptMs * USUAL_RATIO)) : byPlan;
}

function planned(facts: EtaFacts): number {
  const { plan, madeAt, now, classes, inTurnsMs } = facts;
  const placed = Object.keys(plan.finishMs).filter((id) => id.startsWith(PLACED));
  const endOf = endsIn(facts);
  const lastOf = (ids: readonly string[]): number => {
    const endsMs = Math.max(0, ...ids.map((id) => plan.finishMs[id] ?? 0));
    const renewal = renewalMs(endsMs, bindingFor(plan, ids));
    return madeAt + (renewal ?? Math.max(0, ...ids.map(endOf)));
  };
  if (inTurnsMs === null) return Math.round(lastOf([...classes, ...placed]));
  const all = lastOf(Object.keys(plan.finishMs));
  return Math.round(Math.min(all, now + turnsEndMs(inTurnsMs, lastOf(placed) - now)));
}

/**
 * By class of the plan, ms from when it was made. What waits until its deadline for the cheap one has all of the dear one to make
 * up for what goes wrong; what has a dear one that it does not need yet makes up with that for what would make it late.
 */
function endsIn({ plan, madeAt, expiresAt }: EtaFacts): (id: string) => number {
  const held = plan.pairs.filter((pair) => pair.held);
  const waits = new Set(held.flatMap((pair) => (pair.jobs > 0 ? pair.class : [])));
  const spare = new Set(held.map((pair) => pair.class));
  const dueMs = answeredWithin(expiresAt - madeAt);
  return (id) => {
    const finishMs = plan.finishMs[id] ?? 0;
    if (waits.has(id)) return finishMs;
    const usualMs = finishMs * USUAL_RATIO;
    return spare.has(id) ? Math.min(usualMs, Math.max(finishMs, dueMs)) : usualMs;
  };
}

/**
 * When a batch is done whose last line is placed after so long, ms. `placedMs`: until all is done that stands on the queues. The plan
 * spreads that over all its time; in turns it is the last second's work.
 */
export const turnsEndMs = (inTurnsMs: number, placedMs: number): number =>
  inTurnsMs * USUAL_RATIO + Math.min(TAIL_MS, Math.max(0, placedMs));

/** The limits that take the time of these classes: those of where they go. */
function bindingFor({ pairs, rows }: EtaFacts['plan'], ids: readonly string[]): string[] {
  const own = new Set(ids);
  const places = new Set(
    pairs.flatMap((pair) => (pair.jobs > 0 && own.has(pair.class) ? pair.deployment : [])),
  );
  const concerns = (usedBy: Readonly<Record<string, number>>): boolean =>
    Object.keys(usedBy).some((id) => places.has(id));
  return rows.flatMap((row) => (row.binding && concerns(row.usedBy) ? row.dimension : []));
}

/** A batch that drains, and how long the lines that are not fed yet would take with everything to themselves, ms. */
export type DrainingAlone = Pick<Draining, 'id' | 'tenant' | 'band' | 'expiresAt' | 'createdAt'> & {
  aloneMs: number;
};

/** What turns go by. */
export interface TurnFacts {
  /** What all of it takes by the fleet's limits, ms. */
  togetherMs: number;
  weightOf: (tenant: string) => number;
  /** By batch, when its tenant's own limits have let it through, ms from now; absent = it has none. */
  shaped?: ReadonlyMap<string, number>;
}

/**
 * When each has its last line placed, ms from now. Together they take what the fleet takes (`togetherMs`), which is less
 * than one after the other where they use different limits; a tenant with limits of its own leaves the others what it cannot use.
 */
export function inTurns(
  batches: readonly DrainingAlone[],
  { togetherMs, weightOf, shaped = new Map() }: TurnFacts,
): Map<string, number> {
  const work = batches.reduce((sum, { aloneMs }) => sum + aloneMs, 0);
  const speed = togetherMs > 0 ? Math.max(1, work / togetherMs) : 1;
  return fluidFinish(
    batches.map(({ expiresAt, ...batch }) => ({
      ...batch,
      deadlineAt: expiresAt,
      weight: weightOf(batch.tenant),
    })),
    speed,
    pacesOf(batches, shaped),
  );
}

/** By tenant with limits of its own: its work ÷ the time in which these let all of it through, to which nothing is added later. */
function pacesOf(
  batches: readonly DrainingAlone[],
  shaped: ReadonlyMap<string, number>,
): Map<string, number> {
  const tenants = new Map<string, { work: number; ms: number }>();
  for (const { id, tenant, aloneMs } of batches) {
    const { work, ms } = tenants.get(tenant) ?? { work: 0, ms: 0 };
    tenants.set(tenant, { work: work + aloneMs, ms: Math.max(ms, shaped.get(id) ?? 0) });
  }
  return new Map(
    [...tenants].flatMap(([tenant, { work, ms }]) =>
      ms > 0 && work > 0 ? [[tenant, (work * USUAL_RATIO) / ms]] : [],
    ),
  );
}
