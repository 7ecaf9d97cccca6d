/**
 * A deployment as a candidate, from one look at the fleet to the next. Of one placement to the next mostly one stands otherwise,
 * and the others only have less booked ahead: that is changed in place, so what it says holds for one decision.
 */
import { standsStill } from '@sluice/balancing';
import type { Candidate, Rate, SharedSlots } from '@sluice/balancing';
import { aheadOf, candidateOf } from './candidate-of.ts';
import type { FleetNow } from './candidate-of.ts';
import type { View } from './deployment-view.ts';
import type { DrawnBudget } from './drawn-budget.ts';

/** Where it stands: in a pool, and in what is kept beside it. */
export interface Place {
  tier: number;
  at: number | null;
}

export class KeptCandidate {
  readonly view: View;
  readonly #known: FleetNow;
  readonly #place: Place;
  /** All that it draws on; those of them that count calls at once for others too; the one of each of its rates. */
  readonly #budgets: readonly DrawnBudget[];
  readonly #sharing: readonly DrawnBudget[];
  readonly #ofRates: readonly (DrawnBudget | undefined)[];
  #candidate: Candidate;
  #now: number;
  /** As of when it was made or changed last: of itself, and of its budgets together. Each only grows. */
  #changes = 0;
  #version = 0;
  /** What time alone makes another of it. */
  #moves: 'nothing' | 'rates' | 'all' = 'nothing';

  /** It holds until the next look, and while nobody stands otherwise. */
  constructor(view: View, known: FleetNow, { now, ...place }: Place & { now: number }) {
    const { id, budgets: ids } = view.deployment;
    const all = known.budgets;
    this.view = view;
    this.#known = known;
    this.#place = place;
    this.#now = now;
    this.#budgets = ids.flatMap((budget) => all.get(budget) ?? []);
    const shared = ids.flatMap((budget) => (budget === id ? [] : (all.get(budget) ?? [])));
    this.#sharing = shared.filter(({ slots }) => slots !== null);
    this.#ofRates = view.rates.map(({ budget }) => all.get(budget));
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
    const health = known.health.get(candidate.id);
    const isStill = health === undefined || standsStill(health, now);
    this.#moves = !isStill ? 'all' : isBooked(view, now) ? 'rates' : 'nothing';
    this.#changes = view.changes;
    this.#version = this.#versionNow();
    return candidate;
  }

  /** Takes over what time, and what was placed on others, makes of its limits. */
  #change(): void {
    const { view } = this;
    const rates = this.#candidate.rates as Rate[];
    const sinceRead = this.#now - view.readAt;
    for (let i = 0; i < rates.length; i += 1)
      (rates[i] as Rate).aheadMs = aheadOf(view.rates[i] as Rate, this.#ofRates[i], sinceRead);
    const slots = this.#candidate.sharedSlots as SharedSlots[];
    for (let i = 0; i < slots.length; i += 1)
      slots[i] = (this.#sharing[i] as DrawnBudget).slots as SharedSlots;
    this.#moves = isBooked(view, this.#now) ? 'rates' : 'nothing';
  }

  #versionNow(): number {
    let version = this.view.changes;
    for (const budget of this.#budgets) version += budget.version;
    return version;
  }
}

/** Whether anything is booked ahead, which time makes less. */
function isBooked({ rates, readAt }: View, now: number): boolean {
  for (const { aheadMs } of rates) if (aheadMs > now - readAt) return true;
  return false;
}
