/**
 * A budget that several deployments draw on, as those of one pool have it. Work that is placed on one of them makes another of it for
 * all: that is reckoned once, in figures that are the same objects in all their candidates.
 */
import type { Rate } from '@sluice/balancing';
import { aheadOf } from './candidate-of.ts';
import type { View } from './deployment-view.ts';
import type { DrawnBudget } from './drawn-budget.ts';

interface SharedRate {
  /** What the look said of it, and when. */
  looked: Rate;
  readAt: number;
  /** As it is now: changed in place. */
  rate: Rate;
}

export class SharedBudget {
  /** Of those that draw on it, in the pool. */
  readonly places: number[] = [];
  readonly #drawn: DrawnBudget;
  readonly #rates: SharedRate[] = [];
  #version: number;
  #now: number;

  constructor(drawn: DrawnBudget, now: number) {
    this.#drawn = drawn;
    this.#version = drawn.version;
    this.#now = now;
  }

  /** One of its rates as all have it whose look said the same; null = it said otherwise of this deployment, as while that one is paused. */
  rateFor(looked: Rate, { readAt }: View): Rate | null {
    const known = this.#rates.find(({ rate }) => rate.dimension === looked.dimension);
    if (known) return isSame(known, { looked, readAt }) ? known.rate : null;
    const { budget, dimension, perMs } = looked;
    const aheadMs = aheadOf(looked, this.#drawn, this.#now - readAt);
    const rate = { budget, dimension, perMs, aheadMs };
    this.#rates.push({ looked, readAt, rate });
    return rate;
  }

  /** As it is now. True = it is otherwise than when it was last asked. */
  follow(now: number): boolean {
    const isOther = this.#drawn.version !== this.#version || (now !== this.#now && this.#isBooked);
    this.#now = now;
    if (!isOther) return false;
    this.#version = this.#drawn.version;
    // Asked for, for it is brought up to date then.
    void this.#drawn.slots;
    for (const { looked, readAt, rate } of this.#rates)
      rate.aheadMs = aheadOf(looked, this.#drawn, now - readAt);
    return true;
  }

  /** As of when it was asked last: whether anything was booked ahead, which time makes less. */
  get #isBooked(): boolean {
    return this.#rates.some(({ looked, readAt }) => looked.aheadMs > this.#now - readAt);
  }
}

const isSame = (a: Omit<SharedRate, 'rate'>, b: Omit<SharedRate, 'rate'>): boolean =>
  a.readAt === b.readAt &&
  a.looked.perMs === b.looked.perMs &&
  a.looked.aheadMs === b.looked.aheadMs;
