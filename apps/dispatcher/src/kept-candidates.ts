/**
 * Candidates, each kept for as long as nothing that it is made of has changed: of two placements one after the other, mostly
 * one deployment stands otherwise than before.
 */
import type { Candidate, Health } from '@sluice/balancing';
import { candidateOf } from './candidate-of.ts';
import type { FleetNow } from './candidate-of.ts';
import type { View } from './deployment-view.ts';
import type { DrawnBudget } from './drawn-budget.ts';

interface Kept {
  candidate: Candidate;
  now: number;
  health: Health | undefined;
  budgets: readonly DrawnBudget[];
  /** Of all of these together: each only grows. */
  version: number;
}

export class KeptCandidates {
  readonly #kept = new Map<string, Kept>();

  /** The fleet was looked at. */
  clear(): void {
    this.#kept.clear();
  }

  /** A deployment stands otherwise; others that draw on a budget of its are known by that. */
  forget(id: string): void {
    this.#kept.delete(id);
  }

  of(known: FleetNow, view: View, { tier, now }: { tier: number; now: number }): Candidate {
    const { id } = view.deployment;
    const kept = this.#kept.get(id);
    if (kept && kept.now === now && kept.candidate.tier === tier && isAsKept(kept, known))
      return kept.candidate;
    const candidate = candidateOf(known, view, { tier, now });
    const budgets = kept?.budgets ?? drawnOnBy(view, known);
    const health = known.health.get(id);
    this.#kept.set(id, { candidate, now, health, budgets, version: versionOf(budgets) });
    return candidate;
  }
}

/** How it stands is a new object whenever it changes; how fast it is changes with every call that ends. */
function isAsKept(
  { candidate, health, budgets, version }: Kept,
  { health: all, learned }: FleetNow,
): boolean {
  const { id, speed = null } = candidate;
  return (
    all.get(id) === health &&
    versionOf(budgets) === version &&
    (learned === null || learned.speed(id) === speed)
  );
}

const drawnOnBy = ({ deployment }: View, { budgets }: FleetNow): DrawnBudget[] =>
  deployment.budgets.flatMap((id) => budgets.get(id) ?? []);

function versionOf(budgets: readonly DrawnBudget[]): number {
  let sum = 0;
  for (const { version } of budgets) sum += version;
  return sum;
}
