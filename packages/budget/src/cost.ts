/**
 * What a call costs, in requests, tokens and money: expected before it is made, actual when its usage is known.
 * Every limit charges one of the five amounts that {@link amountOf} reads off a cost.
 */
import type { Accounting, OutputCharge, Price, Shape, Usage } from '@sluice/job';
import type { Dimension } from './rules.ts';

/**
 * As the provider counts it: tokens may be fractional, and other than those that were used. `usd` is 0 where no price is
 * known.
 */
export interface Cost {
  /** 0 for a failed call that does not count. */
  requests: number;
  input: number;
  output: number;
  usd: number;
}

/** What is known of a deployment when a cost is estimated. `meanOutput` is learnt from its own answers. */
export interface CostFacts {
  charsPerToken: number;
  /** Part of the input that its cache had so far, 0…1. */
  cachedShare: number;
  meanOutput: number | null;
  defaultMaxTokens: number;
  accounting: Accounting;
  price: Price | null;
}

/**
 * The cost to book for a request of this shape. Output tokens are the request's maximum (or the deployment's
 * default) where the provider charges that, else the learnt mean if it is lower; money follows the mean always.
 */
export function expectedCost(shape: Shape, facts: CostFacts): Cost {
  const { accounting, cachedShare, price } = facts;
  const input = Math.ceil(shape.characters / facts.charsPerToken);
  const cached = input * cachedShare;
  const most = shape.maxOutput ?? facts.defaultMaxTokens;
  const likely = Math.min(most, facts.meanOutput ?? most);
  const output = accounting.output === 'actual' ? likely : most;
  return {
    requests: 1,
    ...chargedTokens({ input, cached, output }, accounting),
    usd: priceOf(input, cached, likely, price),
  };
}

/** What tokens count for, against limits. Where only the larger of input and maximum counts, input is what exceeds the maximum. */
function chargedTokens(
  { input, cached, output }: { input: number; cached: number; output: number },
  { output: charge, cachedInput, outputMultiplier, inputAndOutput }: Accounting,
): Pick<Cost, 'input' | 'output'> {
  const counted = cachedInput === 'free' ? input - cached : input;
  const charged = output * outputMultiplier;
  const larger = inputAndOutput === 'larger' && charge !== 'actual';
  const beside = larger ? Math.max(0, counted - charged) : counted;
  return { input: beside, output: charged };
}

/** How a call ended, as far as it may count. */
export interface EndedUse {
  usage: Usage | null;
  /** Whether the provider answered with a failure. */
  refused: boolean;
  /** US dollars; null: nobody knows. */
  usd: number | null;
}

/**
 * What an ended call was charged, given what it was booked with; null: nobody knows, so that stands. A maximum that the
 * provider keeps is not corrected by what came of it.
 */
export function settledCost(booked: Cost, ended: EndedUse, accounting: Accounting): Cost | null {
  const { usage, refused, usd } = ended;
  if (usage === null) {
    const free = refused && accounting.failedRequests === 'free';
    return free ? { requests: 0, input: 0, output: 0, usd: usd ?? 0 } : null;
  }
  const { input_tokens: input, cached_tokens: cached, output_tokens: output } = usage;
  const { outputMultiplier } = accounting;
  const kept = accounting.output === 'max_tokens' ? booked.output / outputMultiplier : output;
  const charged = chargedTokens({ input, cached, output: kept }, accounting);
  return { requests: 1, ...charged, usd: usd ?? booked.usd };
}

/** US dollars that a call of this usage cost; 0 where no price is known. */
export const paidFor = (usage: Usage, price: Price | null): number =>
  priceOf(usage.input_tokens, usage.cached_tokens, usage.output_tokens, price);

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
