/** The deployments of a pool as candidates, and what a job is with each of them, from one look at the fleet to the next. */
import type { Candidate } from '@sluice/balancing';
import type { Cost } from '@sluice/budget';
import type { Shape } from '@sluice/job';
import type { FleetNow } from './candidate-of.ts';
import type { View } from './deployment-view.ts';
import { KeptCandidate } from './kept-candidate.ts';
import { KeptCosts } from './kept-costs.ts';
import type { Likely } from './lengths-book.ts';
import { SharedBudget } from './shared-budget.ts';

/** A deployment of the pool. */
export interface Member {
  view: View;
  tier: number;
}

export class Lineup {
  readonly #members: readonly KeptCandidate[];
  readonly #candidates: Candidate[];
  readonly #costs: KeptCosts;
  readonly #shared: readonly SharedBudget[];

  constructor(members: readonly Member[], known: FleetNow, now: number) {
    const shared = sharedBudgets(members, known, now);
    this.#shared = [...shared.values()];
    this.#members = members.map(
      ({ view, tier }, at) => new KeptCandidate(view, known, { tier, at, now, shared }),
    );
    this.#candidates = this.#members.map(({ candidate }) => candidate);
    this.#costs = new KeptCosts(members.map(({ view }) => view));
  }

  /** In the order of the pool, each with its place in {@link costs}. What they say holds for one decision. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  /** As all are now. */
  follow(now: number): this {
    for (const budget of this.#shared)
      if (budget.follow(now)) for (const at of budget.places) this.#costs.changed(at);
    const members = this.#members;
    for (let at = 0; at < members.length; at += 1) {
      const member = members[at] as KeptCandidate;
      if (!member.follow(now)) continue;
      this.#candidates[at] = member.candidate;
      this.#costs.changed(at);
    }
    return this;
  }

  /** Of one job of this shape, by the places of the candidates. */
  costs(shape: Shape, likely: Likely): readonly Cost[] {
    return this.#costs.of(shape, likely).costs;
  }

  /** How far each would be spoken for with one job of this shape, by the same places, ms. */
  spokenForMs(shape: Shape, likely: Likely): ArrayLike<number> {
    return this.#costs.spokenForMs(this.#costs.of(shape, likely), this.#candidates);
  }
}

/** Those of which several draw, with the places of their members. */
function sharedBudgets(
  members: readonly Member[],
  { budgets }: FleetNow,
  now: number,
): Map<string, SharedBudget> {
  const shared = new Map<string, SharedBudget>();
  members.forEach(({ view }, at) => {
    for (const id of view.deployment.budgets) {
      const drawn = budgets.get(id);
      if (drawn === undefined || drawn.drawers.length === 1) continue;
      const known = shared.get(id) ?? new SharedBudget(drawn, now);
      known.places.push(at);
      shared.set(id, known);
    }
  });
  return shared;
}
