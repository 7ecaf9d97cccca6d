/** Reads the state of budgets off what read.lua returns of a root. */
import {
  LEARNING,
  NOTHING_LEARNT,
  NOTHING_PRODUCED,
  ceilingPace,
  configuredPace,
  freshSlots,
  isSpeedKnown,
  liveBins,
  paceOf,
  producedLimit,
  reportedPace,
  shortMs,
  usedIn,
  usedShare,
} from '@sluice/budget';
import type {
  Bin,
  BudgetRules,
  Learnt,
  PacerRule,
  Produced,
  Sent,
  Slots,
  WindowRule,
} from '@sluice/budget';
import {
  dimensionField,
  learntField,
  pauseField,
  producedField,
  sentField,
  slotsField,
} from './keys.ts';

/** One paced dimension. */
export interface DimensionLoad {
  budget: string;
  dimension: PacerRule['dimension'];
  /** What it goes by: as configured or reported, or the pace that 429s taught. */
  limit: number;
  /** Per minute; null = not configured, not reported, not learnt. */
  configured: number | null;
  reported: number | null;
  learnt: number | null;
  /** Why it goes by that, in a sentence. */
  why: string;
  /** Requests or tokens per ms that are admitted. */
  ratePerMs: number;
  /** The whole burst, as ms of rate: what may start at once from a full bucket. */
  burstMs: number;
  /**
   * How far calls are booked ahead: when the bucket will be full again, ms from now; 0 = full now. Where calls under way
   * keep a limit: by how much more is produced than batch may use.
   */
  aheadMs: number;
  /** Of the rate, 0…1: what was sent in about the last ten seconds (usedShare). */
  usedFraction: number;
  /** Of what may start at once, 0…1. */
  burstUsedFraction: number;
}

/** One day's or month's dimension. */
export interface WindowLoad {
  budget: string;
  dimension: WindowRule['dimension'];
  limit: number;
  used: number;
  /** When something of it falls out, ms from now; 0 = nothing is in it. */
  nextMs: number;
  usedFraction: number;
}

export interface SlotsLoad {
  size: number;
  taught: boolean;
}

export interface BudgetLoad {
  budget: string;
  dims: DimensionLoad[];
  windows: WindowLoad[];
  concurrency: { limit: number; used: number } | null;
  /** Calls in flight; null for a shared budget that does not count them. */
  inFlight: number | null;
  /** What bounds calls at once beyond what is configured: a slow start, or what a 429 taught. */
  slots: SlotsLoad | null;
  /** Nothing starts for so long, because a provider asked for it. */
  pausedForMs: number;
}

/** What read.lua returned of a root. */
export interface RootSnapshot {
  nowMs: number;
  rates: Map<string, string>;
  load: Map<string, string>;
  /** Permits in use, by budget. */
  permits: Map<string, number>;
}

const numberIn = (fields: Map<string, string>, field: string): number =>
  Number(fields.get(field) ?? 0);

export function budgetLoad(rules: BudgetRules, snapshot: RootSnapshot): BudgetLoad {
  const { budget, concurrency } = rules;
  const { nowMs, rates, permits } = snapshot;
  const sent = parseSent(rates.get(sentField(budget)));
  const dims = rules.pacers.flatMap((rule) => dimensionLoad(rules, { rule, sent }, snapshot) ?? []);
  return {
    budget,
    dims,
    windows: rules.windows.map((rule) => windowLoad(budget, rule, snapshot)),
    concurrency:
      concurrency === null ? null : { limit: concurrency, used: permits.get(budget) ?? 0 },
    inFlight: permits.get(budget) ?? null,
    slots: slotsLoad(rules, snapshot, dims.length > 0),
    pausedForMs: Math.max(0, numberIn(rates, pauseField(budget)) - nowMs),
  };
}

/** Null where no limit is known. */
function dimensionLoad(
  rules: BudgetRules,
  { rule, sent }: { rule: PacerRule; sent: Sent | null },
  { nowMs, rates }: RootSnapshot,
): DimensionLoad | null {
  const { budget } = rules;
  const { dimension } = rule;
  const learnt = parseLearnt(rates.get(learntField(budget, dimension)));
  const pace = paceOf(rule, learnt, nowMs);
  if (pace === null) return null;
  const { msPerUnit, burstMs } = pace;
  const emptied = numberIn(rates, 'emptied');
  const stored = numberIn(rates, dimensionField(budget, dimension));
  const fullAt = emptied > 0 ? Math.max(stored, emptied + burstMs) : stored;
  const produced = parseProduced(rates.get(producedField(budget)));
  const byCalls = rule === producedLimit(rules) && isSpeedKnown(produced);
  const aheadMs = byCalls
    ? shortMs(produced, { emptiedAt: emptied, now: nowMs })
    : Math.max(0, fullAt - nowMs);
  return {
    budget,
    dimension,
    ...knownLimits(rule, learnt, nowMs),
    ratePerMs: 1 / msPerUnit,
    burstMs,
    aheadMs,
    usedFraction: usedShare(sent, { dimension, pace, aheadMs, now: nowMs }),
    burstUsedFraction: Math.min(1, aheadMs / burstMs),
  };
}

type KnownLimits = Pick<DimensionLoad, 'limit' | 'configured' | 'reported' | 'learnt' | 'why'>;

/** What is known of a limit, and which of it applies. */
function knownLimits(rule: PacerRule, taught: Learnt, nowMs: number): KnownLimits {
  const { limit: configured } = rule;
  const told = taught.reported > 0 && nowMs - taught.reportedAt < LEARNING.reportedMs;
  const reported = told ? taught.reported : null;
  const ceiling = ceilingPace(taught, nowMs);
  const learnt = ceiling === Number.POSITIVE_INFINITY ? null : Math.round(ceiling);
  const known = { configured, reported, learnt };
  const saidPace = Math.min(configuredPace(rule), reportedPace(rule, taught, nowMs));
  if (learnt !== null && ceiling < saidPace) {
    const why = '429s came at a higher pace; it rises again with what is sent';
    return { ...known, limit: learnt, why };
  }
  if (configured === null) {
    return { ...known, limit: reported ?? 0, why: 'not configured: as the provider reports it' };
  }
  if (reported !== null && reported < configured) {
    return { ...known, limit: reported, why: 'the provider reports less than is configured' };
  }
  const why =
    reported !== null && reported > configured
      ? 'as configured, below what the provider reports'
      : 'as configured';
  return { ...known, limit: configured, why };
}

/** As learnt.lua stores it. */
export function parseLearnt(text: string | undefined): Learnt {
  if (text === undefined) return NOTHING_LEARNT;
  const [reported = 0, reportedAt = 0, ceiling = 0, loweredAt = 0, spentMs = 0] = text
    .split(' ')
    .map(Number);
  return { reported, reportedAt, ceiling, loweredAt, spentMs };
}

export function parseProduced(text: string | undefined): Produced {
  if (text === undefined) return NOTHING_PRODUCED;
  const [calls = 0, tokens = 0, ms = 0, levelMs = 0, at = 0, slope = 0] = text
    .split(' ')
    .map(Number);
  return { calls, tokens, ms, levelMs, at, slope };
}

/** As learnt.lua stores it. */
export function parseSent(text: string | undefined): Sent | null {
  if (text === undefined) return null;
  const [index = 0, since = 0, ...amounts] = text.split(' ').map(Number);
  return { index, since, current: countsOf(amounts), before: countsOf(amounts.slice(3)) };
}

const countsOf = ([requests = 0, input = 0, output = 0]: readonly number[]): Sent['current'] => ({
  requests,
  input,
  output,
});

export function parseSlots(text: string | undefined): Slots | null {
  if (text === undefined) return null;
  const [size = 0, at = 0, taught = 0] = text.split(' ').map(Number);
  return { size, at, taught: taught === 1 };
}

/** Calls at once as far as a deployment's own slow start has come, if no limit of it is known. */
export function startingSlots(budget: string, { rates, nowMs }: RootSnapshot): number {
  const slots = freshSlots(parseSlots(rates.get(slotsField(budget))), nowMs);
  return slots?.size ?? LEARNING.firstSlots;
}

function slotsLoad(
  { budget, concurrency }: BudgetRules,
  { rates, nowMs }: RootSnapshot,
  known: boolean,
): SlotsLoad | null {
  const slots = freshSlots(parseSlots(rates.get(slotsField(budget))), nowMs);
  if (slots?.taught) return { size: Math.floor(slots.size), taught: true };
  if (slots === null || known || concurrency !== null) return null;
  return slots.size < LEARNING.mostSlots ? { size: slots.size, taught: false } : null;
}

function windowLoad(budget: string, rule: WindowRule, { nowMs, rates }: RootSnapshot): WindowLoad {
  const { dimension, limit } = rule;
  const bins = liveBins(parseBins(rates.get(dimensionField(budget, dimension)) ?? ''), rule, nowMs);
  const used = usedIn(bins);
  const oldest = bins[0];
  const nextMs = oldest ? (oldest.index + rule.bins + 1) * rule.binMs - nowMs : 0;
  return { budget, dimension, limit, used, nextMs, usedFraction: Math.min(1, used / limit) };
}

/** `bin:amount bin:amount …`, oldest first. */
export const parseBins = (text: string): Bin[] =>
  text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [index, amount] = part.split(':');
      return { index: Number(index), amount: Number(amount) };
    });
