/**
 * What a maximum put into requests that set none (`output_cap`) would change, where a provider charges the maximum and answers
 * are far shorter. Told only where it is much: every longer answer is cut off by it. Pure.
 */
import type { Accounting } from '@sluice/job';
import { amountCounted } from './cost.ts';
import type { PacedDimension } from './rules.ts';

export interface CapFacts {
  accounting: Accounting;
  /** Booked for a request that sets none. */
  defaultMaxTokens: number;
  /** Whether something puts a maximum in already. */
  isCapped: boolean;
  /** What a call is booked with, in the mean. */
  booked: { input: number; output: number };
  /** How many answers taught the length. */
  answers: number;
  /** Tokens of an answer; null = not known. */
  meanOutput: number | null;
  /** Per minute. */
  limits: readonly { dimension: PacedDimension; limit: number }[];
}

export interface CapAdvice {
  /** Tokens of an answer; null = too little is known of them to say. */
  meanOutput: number | null;
  /** Output tokens that a request books now. */
  booked: number;
  cap: number;
  /** Calls a minute that the limits let through now, and with the cap. */
  perMinute: number;
  capped: number;
}

/** Fewer tell too little of the longest. */
const ENOUGH_ANSWERS = 20;
/** Of what a request without a maximum books: less means that many set one. */
const MOSTLY_UNSET = 0.9;
/** The cap for a mean: of lengths that scatter as much as their mean, one answer in fifty is longer than four of it. */
const TIMES_THE_MEAN = 4;
/** While nothing is known, of what is booked: whoever knows answers to be this short has much to gain. */
const SHORT_ANSWER = 1 / 4;
/** So many times as many calls are worth a sentence. */
const WORTH_IT = 1.25;

/** Null = it would not be worth it, or nobody knows. */
export function adviseCap(facts: CapFacts): CapAdvice | null {
  const { meanOutput, answers } = facts;
  if (meanOutput === null || answers < ENOUGH_ANSWERS) return null;
  return withCap(facts, { meanOutput, cap: roundedUp(meanOutput * TIMES_THE_MEAN) });
}

/** As long as there are too few answers to know: what it would change if these were short. Null = not enough, or enough is known. */
export function adviseUnlearntCap(facts: CapFacts): CapAdvice | null {
  if (facts.meanOutput !== null && facts.answers >= ENOUGH_ANSWERS) return null;
  const cap = roundedUp(facts.defaultMaxTokens * SHORT_ANSWER);
  return withCap(facts, { meanOutput: null, cap });
}

function withCap(
  { accounting, booked, isCapped, defaultMaxTokens, limits }: CapFacts,
  { meanOutput, cap }: Pick<CapAdvice, 'meanOutput' | 'cap'>,
): CapAdvice | null {
  if (isCapped || accounting.output !== 'max_tokens' || accounting.inputAndOutput !== 'sum')
    return null;
  if (booked.output < MOSTLY_UNSET * defaultMaxTokens * accounting.outputMultiplier) return null;
  const perMinute = callsPerMinute(booked, limits);
  const lessBooked = { ...booked, output: cap * accounting.outputMultiplier };
  const capped = callsPerMinute(lessBooked, limits);
  const worth = capped >= WORTH_IT * perMinute && Number.isFinite(perMinute);
  return worth ? { meanOutput, booked: defaultMaxTokens, cap, perMinute, capped } : null;
}

/** A sentence about a deployment, or of any name. */
export function capWords(
  name: string,
  { meanOutput, booked, cap, perMinute, capped }: CapAdvice,
): string {
  const [now, then] = [perMinute, capped].map((value) => number(value));
  const change = `${then} calls a minute through instead of ${now} (a longer answer is cut off).`;
  if (meanOutput === null)
    return `${name}: each request that sets no maximum books default_max_tokens, ${number(booked)}, for too little is known of its answers yet: if none is to be longer than ${cap} tokens, that as max_tokens in the lines or as output_cap would let ${change}`;
  return `${name}: answers have ${number(meanOutput)} tokens in the mean, and each request that sets no maximum books ${number(booked)}: output_cap: ${cap} would let ${change}`;
}

function callsPerMinute({ input, output }: CapFacts['booked'], limits: CapFacts['limits']): number {
  const amounts = { requests: 1, tokens: input + output, input, output, usd: 0 };
  const calls = limits.map(({ dimension, limit }) => limit / amounts[amountCounted(dimension)]);
  return Math.min(...calls);
}

/** To two digits. */
function roundedUp(tokens: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, tokens))) - 1);
  return Math.ceil(tokens / unit) * unit;
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US');
