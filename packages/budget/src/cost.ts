/**
 * What a call costs, in requests, tokens and money: expected before it is made, actual when its usage is known.
 * Every limit charges one of the five amounts that {@link amountOf} reads off a cost.
 */
import type { OutputCharge, Price, Shape, Usage } from '@sluice/job';
import type { Dimension } from './rules.ts';

/** Tokens may be fractional; `usd` is 0 where no price is known. */
export interface Cost {
  requests: 1;
  input: number;
  output: number;
  usd: number;
}

/** What is known of a deployment when a cost is estimated. `meanOutput` is learnt from its own answers. */
export interface CostFacts {
  charsPerToken: number;
  meanOutput: number | null;
  defaultMaxTokens: number;
  outputCharge: OutputCharge;
  price: Price | null;
}

/**
 * The cost to book for a request of this shape. Output tokens are the request's maximum (or the deployment's
 * default) where the provider charges that, else the learnt mean if it is lower; money follows the mean always.
 */
export function expectedCost(shape: Shape, facts: CostFacts): Cost {
  const input = Math.ceil(shape.characters / facts.charsPerToken);
  const most = shape.maxOutput ?? facts.defaultMaxTokens;
  const likely = Math.min(most, facts.meanOutput ?? most);
  const output = facts.outputCharge === 'max_tokens' ? most : likely;
  return { requests: 1, input, output, usd: priceOf(input, 0, likely, facts.price) };
}

/** The cost of a call whose usage the provider reported. */
export function actualCost(usage: Usage, price: Price | null): Cost {
  const { input_tokens: input, output_tokens: output, cached_tokens: cached } = usage;
  return { requests: 1, input, output, usd: priceOf(input, cached, output, price) };
}

function priceOf(input: number, cached: number, output: number, price: Price | null): number {
  if (price === null) return 0;
  const cachedPrice = price.cached_input ?? price.input;
  const total = (input - cached) * price.input + cached * cachedPrice + output * price.output;
  return total / 1_000_000;
}

/** What a limit counts. The scripts know these by their position (from 1). */
export const AMOUNTS = ['requests', 'tokens', 'input', 'output', 'usd'] as const;
export type Amount = (typeof AMOUNTS)[number];

const COUNTS: Record<Dimension, Amount> = {
  rpm: 'requests',
  rpd: 'requests',
  tpm: 'tokens',
  tpd: 'tokens',
  itpm: 'input',
  otpm: 'output',
  usd_per_day: 'usd',
  usd_per_month: 'usd',
};

/** Which amount a dimension counts. */
export const amountCounted = (dimension: Dimension): Amount => COUNTS[dimension];

/** What a call of this cost charges to a dimension: requests, tokens or dollars. */
export function amountOf(dimension: Dimension, cost: Cost): number {
  const amount = COUNTS[dimension];
  return amount === 'tokens' ? cost.input + cost.output : cost[amount];
}

/**
 * How much more (less, when negative) than booked a call charged to a dimension. Where the provider charges the
 * maximum at admission and never gives it back, output tokens are not corrected.
 */
export function differenceOf(
  dimension: Dimension,
  call: { expected: Cost; actual: Cost },
  outputCharge: OutputCharge,
): number {
  const { expected, actual } = call;
  const counted = outputCharge === 'max_tokens' ? { ...actual, output: expected.output } : actual;
  return amountOf(dimension, counted) - amountOf(dimension, expected);
}
