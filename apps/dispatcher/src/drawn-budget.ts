/**
 * A budget as the deployments that draw on it have it since the last look: what is placed on them all and not booked of it yet,
 * and how many calls at once it allows. Summed up when it is asked for, and kept until work is placed on one of them; what the
 * look alone says is kept until the next.
 */
import type { SharedSlots } from '@sluice/balancing';
import type { Cost } from '@sluice/budget';
import type { Fleet } from '@sluice/job';
import type { View } from './deployment-view.ts';
import { callsAtOnce } from './limits-now.ts';
import { placedOn, queuedOn, slotsUsed } from './placed-ahead.ts';

export class DrawnBudget {
  readonly #id: string;
  readonly #fleet: Fleet;
  readonly #drawers: View[] = [];
  #placed: Cost | null = null;
  /** Changed in place; undefined = not asked for since the look. */
  #slots: SharedSlots | null | undefined;
  #isCounted = false;
  /** Calls at once that it allows, null = any number, and that are under way. */
  #look: { limit: number | null; used: number } | null = null;
  #version = 0;

  constructor(id: string, fleet: Fleet) {
    this.#id = id;
    this.#fleet = fleet;
  }

  /** In the order of the fleet. */
  get drawers(): readonly View[] {
    return this.#drawers;
  }

  /** Counts what changed of it: while it is the same, so is all that is said here. */
  get version(): number {
    return this.#version;
  }

  add(view: View): void {
    this.#drawers.push(view);
    this.#look = null;
    this.#slots = undefined;
    this.changed();
  }

  /** Something was placed on one of them, or is there no more. */
  changed(): void {
    this.#placed = null;
    this.#isCounted = false;
    this.#version += 1;
  }

  /** What all that is placed on them costs together. */
  get placed(): Cost {
    return (this.#placed ??= placedOn(this.#drawers));
  }

  /** Calls at once, for those that share it, as one object from one look to the next; null = any number. */
  get slots(): SharedSlots | null {
    if (this.#isCounted && this.#slots !== undefined) return this.#slots;
    const { limit, used } = (this.#look ??= this.#looked());
    this.#slots ??= limit === null ? null : { budget: this.#id, limit, taken: 0 };
    if (this.#slots !== null) this.#slots.taken = used + queuedOn(this.#drawers);
    this.#isCounted = true;
    return this.#slots;
  }

  #looked(): { limit: number | null; used: number } {
    const [budget, drawers] = [this.#id, this.#drawers];
    const limit = callsAtOnce({ fleet: this.#fleet, drawers }, budget);
    return { limit, used: slotsUsed(drawers, budget) };
  }
}

/** All budgets that somebody draws on, by their ids. */
export function drawnBudgets(fleet: Fleet, views: Iterable<View>): Map<string, DrawnBudget> {
  const all = new Map<string, DrawnBudget>();
  for (const view of views)
    for (const id of view.deployment.budgets) {
      const known = all.get(id);
      const budget = known ?? new DrawnBudget(id, fleet);
      if (!known) all.set(id, budget);
      budget.add(view);
    }
  return all;
}
