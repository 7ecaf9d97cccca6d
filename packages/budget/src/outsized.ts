/**
 * Calls that are larger than all that a limit lets through in a minute. Such a call is made alone, from a full bucket, once a minute
 * (pacer.ts), and a provider that keeps to the limit refuses it each time: nobody can say when it will be done. Pure.
 */
import { amountOf } from './cost.ts';
import type { Cost } from './cost.ts';
import type { PacedDimension } from './rules.ts';

/** A limit on tokens that is smaller than what one call takes of it. */
export interface Outsized {
  budget: string;
  dimension: PacedDimension;
  /** Tokens per minute. */
  limit: number;
  /** Tokens that a call takes of it. */
  each: number;
}

/** The limit that the call exceeds by most; null = it fits into a minute of each. Requests always do. */
export function outsizedBy(
  cost: Cost,
  limits: readonly Pick<Outsized, 'budget' | 'dimension' | 'limit'>[],
): Outsized | null {
  let worst: Outsized | null = null;
  for (const { budget, dimension, limit } of limits) {
    if (dimension === 'rpm') continue;
    const each = amountOf(dimension, cost);
    const exceeds = worst === null ? 1 : worst.each / worst.limit;
    if (each / limit > exceeds) worst = { budget, dimension, limit, each };
  }
  return worst;
}

/** Why, in words that go behind a deployment's name. */
export function outsizedWords({ budget, dimension, limit, each }: Outsized): string {
  const [tokens, allowed] = [each, limit].map((value) => Math.round(value).toLocaleString('en-US'));
  return `a request takes about ${tokens} tokens, more than ${dimension} of budget ${budget} lets through in a minute (${allowed}): it is tried alone, once a minute, and the provider may refuse it each time`;
}
