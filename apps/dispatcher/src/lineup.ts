/** The deployments of a pool as candidates, and what a job is with each of them, from one look at the fleet to the next. */
import type { Candidate } from '@sluice/balancing';
import type { Cost } from '@sluice/budget';
import type { Shape } from '@sluice/job';
import type { FleetNow } from './candidate-of.ts';
import type { View } from './deployment-view.ts';
import { KeptCandidate } from './kept-candidate.ts';
import { KeptCosts } from './kept-costs.ts';
import type { Likely } from './lengths-book.ts';

/** A deployment of the pool. */
export interface Member {
  view: View;
  tier: number;
}

export class Lineup {
  readonly #members: readonly KeptCandidate[];
  readonly #candidates: Candidate[];
  readonly #costs: KeptCosts;

  constructor(members: readonly Member[], known: FleetNow, now: number) {
    this.#members = members.map(
      ({ view, tier }, at) => new KeptCandidate(view, known, { tier, at, now }),
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
