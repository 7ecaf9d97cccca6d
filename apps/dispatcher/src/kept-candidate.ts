/**
 * A deployment as a candidate, from one look at the fleet to the next. Of one placement to the next mostly one stands otherwise,
 * and the others only have less booked ahead: that is changed in place, so what it says holds for one decision.
 */
import { standsStill } from '@sluice/balancing';
import type { Candidate, Rate } from '@sluice/balancing';
import { aheadOf, candidateOf } from './candidate-of.ts';
import type { FleetNow } from './candidate-of.ts';
import type { View } from './deployment-view.ts';
import type { DrawnBudget } from './drawn-budget.ts';
import type { SharedBudget } from './shared-budget.ts';

/** Where it stands: in a pool, and in what is kept beside it. */
export interface Place {
  tier: number;
  at: number | null;
}

/** The budgets of a pool that others follow: their figures are the same objects in all candidates. */
export type SharedBudgets = ReadonlyMap<string, SharedBudget>;

const NOT_SHARED: SharedBudgets = new Map();

/** A rate that is followed here. */
interface FollowedRate {
  /** Among its rates. */
  at: number;
  looked: Rate;
  drawn: DrawnBudget | undefined;
}

export class KeptCandidate {
  readonly view: View;
  readonly #known: FleetNow;
  readonly #place: Place;
  /** By their places those of its rates that are shared, and the others. */
  readonly #shared: readonly (Rate | null)[];
  readonly #followed: readonly FollowedRate[];
  /** Of those that others draw on too, all that are followed here. */
  readonly #budgets: readonly DrawnBudget[];
  #candidate: Candidate;
  #now: number;
  /** As of when it was made or changed last: of itself, and of its budgets together. Each only grows. */
  #changes = 0;
  #version = 0;
  /** What time alone makes another of it. */
  #moves: 'nothing' | 'rates' | 'all' = 'nothing';

  /** It holds until the next look, and while nobody stands otherwise. Those `shared` are brought up to date before it is asked. */
  constructor(
    view: View,
    known: FleetNow,
    { now, shared = NOT_SHARED, ...place }: Place & { now: number; shared?: SharedBudgets },
  ) {
    this.view = view;
    this.#known = known;
    this.#place = place;
    this.#now = now;
    this.#shared = view.rates.map((rate) => shared.get(rate.budget)?.rateFor(rate, view) ?? null);
    this.#followed = view.rates.flatMap((looked, at) =>
      this.#shared[at] ? [] : [{ at, looked, drawn: known.budgets.get(looked.budget) }],
    );
    const followed = new Set(this.#followed.map(({ looked }) => looked.budget));
    this.#budgets = view.deployment.budgets.flatMap((id) => {
      const drawn = known.budgets.get(id);
      if (drawn === undefined || drawn.drawers.length === 1) return [];
      return shared.has(id) && !followed.has(id) ? [] : [drawn];
    });
    this.#candidate = this.#made();
  }

  get candidate(): Candidate {
    return this.#candidate;
  }

  /** As it is now. True = its limits, or what is placed there, are otherwise than when it was last asked. */
  follow(now: number): boolean {
    const isLater = now !== this.#now;
    this.#now = now;
    const version = this.#versionNow();
    const isOther = version !== this.#version || (isLater && this.#moves !== 'nothing');
    if (isOther) {
      if (this.#moves === 'all' || this.#changes !== this.view.changes)
        this.#candidate = this.#made();
      else this.#change();
      this.#version = version;
    }
    const { learned } = this.#known;
    if (learned?.isLearning === true) this.#candidate.speed = learned.speed(this.#candidate.id);
    return isOther;
  }

  #made(): Candidate {
    const [known, view, now] = [this.#known, this.view, this.#now];
    const candidate = candidateOf(known, view, { ...this.#place, now });
    const rates = candidate.rates as Rate[];
    for (let i = 0; i < rates.length; i += 1) rates[i] = this.#shared[i] ?? (rates[i] as Rate);
    const health = known.health.get(candidate.id);
    const isStill = health === undefined || standsStill(health, now);
    this.#moves = !isStill ? 'all' : this.#movesBooked();
    this.#changes = view.changes;
    this.#version = this.#versionNow();
    return candidate;
  }

  /** Takes over what time, and what was placed on others, makes of its limits. */
  #change(): void {
    const rates = this.#candidate.rates as Rate[];
    const sinceRead = this.#now - this.view.readAt;
    for (const { at, looked, drawn } of this.#followed)
      (rates[at] as Rate).aheadMs = aheadOf(looked, drawn, sinceRead);
    // Its slots are the budgets' own: asked for, they are brought up to date.
    for (const budget of this.#budgets) void budget.slots;
    this.#moves = this.#movesBooked();
  }

  #versionNow(): number {
    let version = this.view.changes;
    for (const budget of this.#budgets) version += budget.version;
    return version;
  }

  /** Whether anything is booked ahead, which time makes less. */
  #movesBooked(): 'nothing' | 'rates' {
    const sinceRead = this.#now - this.view.readAt;
    for (const { looked } of this.#followed) if (looked.aheadMs > sinceRead) return 'rates';
    return 'nothing';
  }
}
