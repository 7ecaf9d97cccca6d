/**
 * A provider answers 429. The budgets concerned pause: as long as it asks, or ever longer while no call made after
 * a pause is answered. The first refusal of a call made after the last pause is a lesson: the pace that was in force
 * is too high (or, if it speaks of calls at once, so many are too many). A refusal right after a pause, nothing
 * having been answered between, only says that the provider's window is still full. Calls that were under way when
 * the pause began teach nothing more: one lesson per pause.
 */
import { amountCounted } from './cost.ts';
import type { Amount, Cost } from './cost.ts';
import type { RateDimension } from '@sluice/job';
import { LEARNING, NOTHING_LEARNT, lowered } from './learnt.ts';
import type { Lesson } from './learnt.ts';
import { emptyAt } from './pacer.ts';
import { isByCalls, paceIn } from './paces.ts';
import { PRODUCING, levelAt } from './produced.ts';
import { PACED_DIMENSIONS } from './rules.ts';
import type { BudgetRules, PacedDimension, PacerRule } from './rules.ts';
import { amountIn, perMinute, rolled, sentLately, withoutSent } from './sent.ts';
import { loweredSlots, slotsOf, withoutRefused } from './slots.ts';
import { budgetIn, liveLeases, pacerIn, withBudget, withLevelAtMost } from './state.ts';
import type { AdmissionState } from './state.ts';

export interface Refusal {
  /** The budgets the call drew on, its own first. */
  rules: readonly BudgetRules[];
  /** As booked. */
  cost: Cost;
  /** The limit that the provider named; null = none. */
  limit: RateDimension | 'concurrency' | null;
  /** null: it did not say. */
  retryAfterMs: number | null;
  tookMs: number;
  leaseMs: number;
}

/** The state after a 429. `random` in [0, 1) is the jitter of a pause that the provider did not set. */
export function refuse(
  state: AdmissionState,
  refusal: Refusal,
  { now, random }: { now: number; random: number },
): AdmissionState {
  const { rules, limit, tookMs } = refusal;
  const retryAfterMs = askedMs(refusal);
  const own = rules[0] as BudgetRules;
  const counted = uncounted(state, refusal, now);
  const before = Math.max(...rules.map(({ budget }) => budgetIn(state, budget).pausedUntil));
  const paused = concerned(counted, refusal, now);
  if (now - tookMs < before) {
    const longer = retryAfterMs === null ? counted : pausing(counted, paused, now + retryAfterMs);
    return limit === 'concurrency' ? withoutOne(longer, rules, now - tookMs) : longer;
  }
  const { refusals, lessonUntil } = budgetIn(counted, own.budget);
  const until = now + pauseMs(refusal, refusals, random);
  const marked = withBudget(counted, own.budget, {
    refusals: refusals + 1,
    lessonUntil: refusals === 0 ? until : lessonUntil,
  });
  const next = pausing(marked, paused, until);
  if (limit === 'concurrency') return refusals > 0 ? next : withFewerSlots(next, refusal, now);
  if (!isPacedOrUnsaid(limit)) return next;
  return slowed(
    next,
    { ...target(next, { rules, limit, now }), teach: refusals === 0, until, cost: refusal.cost },
    now,
  );
}

const isPacedOrUnsaid = (limit: Refusal['limit']): limit is PacedDimension | null =>
  limit === null || PACED_DIMENSIONS.some((dimension) => dimension === limit);

function pauseMs({ limit, retryAfterMs }: Refusal, refusals: number, random: number): number {
  const { leastPauseMs, mostPauseMs } = LEARNING;
  const base = limit === 'concurrency' ? leastPauseMs : LEARNING.pauseMs;
  const grown = Math.min(mostPauseMs, base * 2 ** refusals) * (0.5 + 0.5 * random);
  return Math.max(leastPauseMs, askedMs({ retryAfterMs }) ?? grown);
}

/** Nobody is believed for longer than a minute: the next 429 may ask for more. */
const askedMs = ({ retryAfterMs }: Pick<Refusal, 'retryAfterMs'>): number | null =>
  retryAfterMs === null ? null : Math.min(LEARNING.mostAskedPauseMs, retryAfterMs);

const uncounted = (state: AdmissionState, { rules, cost }: Refusal, now: number): AdmissionState =>
  rules.reduce((next, { budget }) => {
    const sent = rolled(budgetIn(next, budget).sent, now);
    return withBudget(next, budget, { sent: withoutSent(sent, cost) });
  }, state);

/** The budgets that limit what the provider named, if any does; else all. */
function concerned(
  state: AdmissionState,
  { rules, limit }: Refusal,
  now: number,
): readonly BudgetRules[] {
  const limiting = rules.filter(
    ({ budget, pacers, windows }) =>
      windows.some(({ dimension }) => dimension === limit) ||
      pacers.some(
        (rule) => rule.dimension === limit && paceIn(state, budget, { rule, now }) !== null,
      ),
  );
  return limiting.length > 0 ? limiting : rules;
}

/** A pause never shortens another. */
const pausing = (
  state: AdmissionState,
  budgets: readonly BudgetRules[],
  until: number,
): AdmissionState =>
  budgets.reduce(
    (next, { budget }) =>
      withBudget(next, budget, {
        pausedUntil: Math.max(until, budgetIn(next, budget).pausedUntil),
      }),
    state,
  );

interface Target {
  rules: BudgetRules;
  rule: PacerRule;
}

/**
 * The limit that a refusal speaks of: of the known ones that it may mean the one booked furthest ahead, else the
 * deployment's own, of requests where nothing was named.
 */
function target(
  state: AdmissionState,
  asked: { rules: readonly BudgetRules[]; limit: PacedDimension | null; now: number },
): Target {
  const { rules, limit, now } = asked;
  const own = rules[0] as BudgetRules;
  const unknown = own.pacers.find(({ dimension }) => dimension === (limit ?? 'rpm')) as PacerRule;
  let found: Target = { rules: own, rule: unknown };
  let furthest = -1;
  for (const each of rules) {
    for (const rule of each.pacers) {
      const fullAt = fullAtOf(state, each, { rule, now });
      if (fullAt === null || (limit !== null && limit !== rule.dimension)) continue;
      if (fullAt <= furthest) continue;
      furthest = fullAt;
      found = { rules: each, rule };
    }
  }
  return found;
}

/** When the bucket of a limit will be full; null = no limit is known. */
function fullAtOf(
  state: AdmissionState,
  rules: BudgetRules,
  { rule, now }: { rule: PacerRule; now: number },
): number | null {
  const { budget } = rules;
  const pace = paceIn(state, budget, { rule, now });
  if (pace === null) return null;
  if (!isByCalls(state, rules, rule)) return pacerIn(state, budget, pace).fullAt;
  const { produced } = budgetIn(state, budget);
  return now + PRODUCING.fullMs - levelAt(produced, { emptiedAt: state.emptiedAt, now });
}

/** Lowers the pace, if this is a lesson, and goes on from an empty bucket after the pause. */
function slowed(
  state: AdmissionState,
  { rules, rule, teach, until, cost }: Target & { teach: boolean; until: number; cost: Cost },
  now: number,
): AdmissionState {
  const { budget } = rules;
  const { dimension } = rule;
  const { learnt } = budgetIn(state, budget);
  const before = learnt[dimension] ?? NOTHING_LEARNT;
  const after = teach ? lowered(before, lessonOf(state, { rules, rule }, { cost, now })) : before;
  const taught = withBudget(state, budget, { learnt: { ...learnt, [dimension]: after } });
  const then = paceIn(taught, budget, { rule, now });
  if (then === null) return taught;
  if (isByCalls(state, rules, rule)) return withLevelAtMost(taught, budget, { most: 0, now });
  const pacers = { ...budgetIn(taught, budget).pacers };
  pacers[dimension] = emptyAt(pacerIn(taught, budget, then), until, then.burstMs);
  return withBudget(taught, budget, { pacers });
}

function lessonOf(
  state: AdmissionState,
  { rules: { budget }, rule }: Target,
  { cost, now }: { cost: Cost; now: number },
): Lesson {
  const amount = amountCounted(rule.dimension) as Exclude<Amount, 'usd'>;
  const sent = rolled(budgetIn(state, budget).sent, now);
  return {
    rule,
    pace: paceIn(state, budget, { rule, now })?.perMinute ?? null,
    sentPerMinute: perMinute(sent, amount, now),
    calls: sentLately(sent, 'requests', now),
    charge: amountIn(cost, amount),
    now,
  };
}

/** The budget that limits calls at once, else the deployment's own. */
const limitingCalls = (rules: readonly BudgetRules[]): BudgetRules =>
  rules.find(({ concurrency }) => concurrency !== null) ?? (rules[0] as BudgetRules);

function withoutOne(
  state: AdmissionState,
  rules: readonly BudgetRules[],
  startedAt: number,
): AdmissionState {
  const { budget } = limitingCalls(rules);
  const slots = withoutRefused(budgetIn(state, budget).slots, startedAt);
  return withBudget(state, budget, { slots });
}

function withFewerSlots(
  state: AdmissionState,
  { rules, leaseMs }: Refusal,
  now: number,
): AdmissionState {
  const limiting = limitingCalls(rules);
  const { budget } = limiting;
  const leases = liveLeases(state, budget, { now, leaseMs });
  const limit = slotsOf(state, limiting, { starting: false, now });
  const slots = loweredSlots(Object.keys(leases).length, limit, now);
  return withBudget(state, budget, { leases, slots });
}
