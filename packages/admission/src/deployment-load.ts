/** Reads what is known of a deployment, its counters and its budgets, off a snapshot of its root. */
import { LEARNING, NO_CALLS, cachedShare, charsPerToken, meanOutput } from '@sluice/budget';
import type { Counters, Since } from '@sluice/budget';
import { OUTCOMES, USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import type { FailureClass, Outcome } from '@sluice/job';
import { parseSent, startingSlots } from './budget-load.ts';
import type { BudgetLoad, DimensionLoad, RootSnapshot, WindowLoad } from './budget-load.ts';
import { counterField, sentField } from './keys.ts';

export interface DeploymentLoad {
  /** Jobs that left its queue: booked or dropped. */
  taken: number;
  inFlight: number;
  ok: number;
  /** All that did not succeed, 429s and lost ones among them. */
  failed: number;
  byOutcome: Partial<Record<Outcome, number>>;
  /** What ended of the calls that began at `at` (ms, Redis's clock) or later; null = there never was a mark. */
  since: Since | null;
  /** In a row, of those that speak against the deployment (not 429s, not lost ones, not a request's own fault). */
  consecutiveFailures: number;
  lastFailure: { class: FailureClass; atMs: number } | null;
  /** Of answered calls, about the last twenty; null before the first. */
  meanLatencyMs: number | null;
  latencySumMs: number;
  /** As measured on its answers; 4 before the first. */
  charsPerToken: number;
  /** Part of the input that its cache had, 0…1. */
  cachedShare: number;
  /** Tokens; null before the first answer. */
  meanOutput: number | null;
  /** Tokens that a call was booked with lately, in the mean; 0 before the first. */
  usualCall: { input: number; output: number };
  costUsd: number;
  /** Limits per minute of all budgets it draws on. */
  dims: DimensionLoad[];
  /** Limits per day and month. */
  windows: WindowLoad[];
  /** The one with the fewest free permits. */
  concurrency: { budget: string; limit: number; used: number } | null;
  /** Calls at once as 429s taught them, or as far as a deployment without any known limit has come: by budget. */
  slots: { budget: string; size: number; used: number; taught: boolean }[];
  /** Nothing starts for so long: a provider's retry-after, or a day's or month's limit without room for a usual call. */
  pausedForMs: number;
  /** The part of it that a 429 set. */
  refusedForMs: number;
}

/** `budgets`: those the deployment draws on, its own first. */
export function deploymentLoad(
  id: string,
  budgets: readonly BudgetLoad[],
  snapshot: RootSnapshot,
): DeploymentLoad {
  const { load } = snapshot;
  const count = (name: string): number => Number(load.get(counterField(id, name)) ?? 0);
  const counters = countersOf(count);
  const booked = count('booked');
  const lastFailure = load.get(counterField(id, 'lastFailure')) as FailureClass | undefined;
  const windows = budgets.flatMap((budget) => budget.windows);
  const usedUpMs = windows.map((window) =>
    hasRoom(window, { counters, usual: usualCall(window.budget, snapshot) }) ? 0 : window.nextMs,
  );
  const refusedForMs = Math.max(0, ...budgets.map((budget) => budget.pausedForMs));
  return {
    taken: booked + count('dropped'),
    inFlight: budgets[0]?.inFlight ?? 0,
    ok: counters.ok,
    failed: counters.ended - counters.ok,
    byOutcome: byOutcome(counters.ok, count),
    since: sinceOf(count),
    consecutiveFailures: counters.consecutiveFailures,
    lastFailure: lastFailure ? { class: lastFailure, atMs: count('lastFailureAt') } : null,
    meanLatencyMs: counters.ok > 0 ? counters.meanLatencyMs : null,
    latencySumMs: counters.latencySumMs,
    charsPerToken: charsPerToken(counters) ?? USUAL_CHARS_PER_TOKEN,
    cachedShare: cachedShare(counters),
    meanOutput: meanOutput(counters),
    usualCall: usualCall(id, snapshot),
    costUsd: counters.costUsd,
    dims: budgets.flatMap((budget) => budget.dims),
    windows,
    concurrency: tightest(budgets),
    slots: slotsOf(budgets, snapshot),
    pausedForMs: Math.max(refusedForMs, ...usedUpMs),
    refusedForMs,
  };
}

/** As long as nobody has looked: nothing was called, and nothing is learnt. */
export const unseenLoad = (id: string): DeploymentLoad =>
  deploymentLoad(id, [], { nowMs: 0, rates: new Map(), load: new Map(), permits: new Map() });

const countersOf = (count: (name: string) => number): Counters =>
  Object.fromEntries(
    Object.keys(NO_CALLS).map((name) => [name, count(name)]),
  ) as unknown as Counters;

function byOutcome(ok: number, count: (name: string) => number): Partial<Record<Outcome, number>> {
  const counts = OUTCOMES.map(
    (outcome) => [outcome, outcome === 'ok' ? ok : count(`failed:${outcome}`)] as const,
  );
  return Object.fromEntries(counts.filter(([, n]) => n > 0));
}

function sinceOf(count: (name: string) => number): Since | null {
  const at = count('mark');
  if (at <= 0) return null;
  const counts = OUTCOMES.map((outcome) => [outcome, count(`since:${outcome}`)] as const);
  return { at, ended: Object.fromEntries(counts.filter(([, n]) => n > 0)) };
}

/** Tokens that a call of the budget was booked with lately, in the mean; 0 before the first. */
function usualCall(budget: string, { rates }: RootSnapshot): DeploymentLoad['usualCall'] {
  const sent = parseSent(rates.get(sentField(budget)));
  const calls = sent === null ? 0 : sent.current.requests + sent.before.requests;
  if (sent === null || calls <= 0) return { input: 0, output: 0 };
  const { current, before } = sent;
  return {
    input: (current.input + before.input) / calls,
    output: (current.output + before.output) / calls,
  };
}

/** Whether a usual call still fits. */
function hasRoom(
  { dimension, used, limit }: WindowLoad,
  { counters, usual: call }: { counters: Counters; usual: DeploymentLoad['usualCall'] },
): boolean {
  const { costUsd, ended } = counters;
  const usual = {
    rpd: 1,
    tpd: call.input + call.output,
    usd_per_day: ended > 0 ? costUsd / ended : 0,
    usd_per_month: ended > 0 ? costUsd / ended : 0,
  };
  return used < limit && used + usual[dimension] <= limit;
}

function slotsOf(budgets: readonly BudgetLoad[], snapshot: RootSnapshot): DeploymentLoad['slots'] {
  const taught = budgets.flatMap(({ budget, slots, inFlight }) =>
    slots?.taught ? [{ budget, size: slots.size, used: inFlight ?? 0, taught: true }] : [],
  );
  const known = budgets.some(({ dims, concurrency }) => dims.length > 0 || concurrency !== null);
  const own = budgets[0];
  if (known || own === undefined || own.slots?.taught) return taught;
  const size = startingSlots(own.budget, snapshot);
  if (size >= LEARNING.mostSlots) return taught;
  return [{ budget: own.budget, size, used: own.inFlight ?? 0, taught: false }, ...taught];
}

function tightest(budgets: readonly BudgetLoad[]): DeploymentLoad['concurrency'] {
  const limited = budgets.flatMap(({ budget, concurrency }) =>
    concurrency === null ? [] : [{ budget, ...concurrency }],
  );
  return limited.toSorted((a, b) => a.limit - a.used - (b.limit - b.used))[0] ?? null;
}
