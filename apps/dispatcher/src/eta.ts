/** When a batch will be done, by the plan in force. Pure. */
import type { Plan } from '@sluice/planning';
import { PLACED } from './plan-problem.ts';

export interface EtaFacts {
  plan: Pick<Plan, 'finishMs' | 'pairs'>;
  /** Unix ms, as `now`. */
  madeAt: number;
  now: number;
  /** The plan's classes that its lines belong to. */
  classes: readonly string[];
  /** The part of its lines that is not done, 0…1, and T* of all of them; null = not known. */
  left: number;
  idealMs: number | null;
  /** Batches that drain, this one among them. */
  batches: number;
  /** Its lines wait for what is cheap rather than go as fast as they can. */
  savesMoney: boolean;
}

/** Pacing margin, the fill of the pipeline and retries: what a drain usually takes beyond T*. */
export const USUAL_RATIO = 1.05;

/**
 * Batches of a band take turns, so one of n takes up to n times what it would alone, and never longer than the plan needs
 * for all of them. Unix ms.
 */
export function etaAt(facts: EtaFacts): number {
  const { plan, madeAt, now, classes, left, idealMs, batches, savesMoney } = facts;
  const placed = Object.keys(plan.finishMs).filter((id) => id.startsWith(PLACED));
  const held = new Set(
    plan.pairs.flatMap((pair) => (pair.held && pair.jobs > 0 ? pair.class : [])),
  );
  // What waits until its deadline for the cheap one has all of the dear one to make up for what goes wrong.
  const endOf = (id: string): number => (plan.finishMs[id] ?? 0) * (held.has(id) ? 1 : USUAL_RATIO);
  const byPlan = madeAt + Math.max(0, ...[...classes, ...placed].map(endOf));
  // Alone it has what the plan gives it; T* is of the limits at its start, which may since have turned out lower.
  if (idealMs === null || savesMoney || batches === 1) return Math.round(byPlan);
  return Math.round(Math.min(byPlan, now + idealMs * left * batches * USUAL_RATIO));
}
