/**
 * The limits that one account, one model of an account or one group of accounts shares: up to four rates, what
 * a day may hold, and a number of calls in flight. A call is admitted by all sets it falls under or by none. No clock: `now` in ms.
 *
 * Output that is charged as it is produced flows out of the windows evenly between admission and answer: each
 * set keeps the sum of the speeds of its calls, so that thousands of them cost as much as one.
 */
import { createRateWindow } from './create-rate-window.ts';
import type { RateWindow, WindowKind } from './rate-window.ts';
import { slidingWindow } from './sliding-window.ts';

export const DIMENSIONS = ['rpm', 'tpm', 'itpm', 'otpm'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Limits per day, each with the rate whose units it counts. */
const COUNTED_AS = { rpd: 'rpm', tpd: 'tpm' } as const;
export type DayDimension = keyof typeof COUNTED_AS;
const DAY_DIMENSIONS = Object.keys(COUNTED_AS) as DayDimension[];
export const DAY_MS = 86_400_000;

/** Per minute; `rpd` and `tpd` per day; `concurrency` in calls. Absent = unlimited. */
export type SetLimits = { [D in Dimension | DayDimension | 'concurrency']?: number | undefined };

export interface SetSettings {
  limits: SetLimits;
  window: WindowKind;
  initial_fill: number;
  /** How long a day is; absent = 24 h. Days are an exact log, whatever `window` is. */
  day_ms?: number | undefined;
}

/** Requests and tokens that a call takes at admission; `otpm` needs one token left even when it takes none yet. */
export type Cost = Record<Dimension, number>;

interface Row<D extends Dimension | DayDimension = Dimension> {
  dimension: D;
  window: RateWindow;
  charged: number;
}

export interface LimitSet {
  settings: SetSettings;
  rows: Row[];
  /** In these `perMinute` is the limit per day. */
  days: Row<DayDimension>[];
  inFlight: number;
  /** Output tokens per ms of all calls whose output is charged as produced, and until when it has been charged. */
  producing: { perMs: number; calls: number; until: number };
  epochMs: number;
}

export interface Refusal {
  limit: Dimension | DayDimension | 'concurrency';
  /** The limit's value: per minute, per day, or calls. */
  value: number;
  used: number;
  requested: number;
  /** null: nobody knows when a call in flight will end. */
  waitMs: number | null;
}

export function createLimitSet(settings: SetSettings, now: number, epochMs: number): LimitSet {
  const producing = { perMs: 0, calls: 0, until: now };
  const set: LimitSet = { settings, rows: [], days: [], inFlight: 0, producing, epochMs };
  refill(set, now);
  return set;
}

/** Makes every window as new. Calls in flight stay in flight. */
export function refill(set: LimitSet, now: number): void {
  set.rows = DIMENSIONS.flatMap((dimension) => newRow(set, dimension, now) ?? []);
  set.days = DAY_DIMENSIONS.flatMap((dimension) => newDay(set, dimension, now) ?? []);
  set.producing.until = now;
}

function newRow(set: LimitSet, dimension: Dimension, now: number): Row | null {
  const { limits, window, initial_fill: initialFill } = set.settings;
  const perMinute = limits[dimension];
  if (perMinute === undefined) return null;
  const start = { perMinute, initialFill, now, epochMs: set.epochMs };
  return { dimension, window: createRateWindow(window, start), charged: 0 };
}

function newDay(set: LimitSet, dimension: DayDimension, now: number): Row<DayDimension> | null {
  const { limits, day_ms: dayMs = DAY_MS, initial_fill: initialFill } = set.settings;
  const perMinute = limits[dimension];
  if (perMinute === undefined) return null;
  const start = { perMinute, initialFill, now, epochMs: set.epochMs };
  return { dimension, window: slidingWindow(dayMs, start), charged: 0 };
}

/** New limits in force at once. What has been charged stays charged, unless the kind of window (of days: their length) changes. */
export function changeLimits(set: LimitSet, settings: SetSettings, now: number): void {
  chargeProduced(set, now);
  const before = set.settings;
  set.settings = settings;
  const rows = settings.window === before.window ? set.rows : [];
  set.rows = DIMENSIONS.flatMap(
    (dimension) => keptRow(set, rows, { dimension, now }) ?? newRow(set, dimension, now) ?? [],
  );
  const days = settings.day_ms === before.day_ms ? set.days : [];
  set.days = DAY_DIMENSIONS.flatMap(
    (dimension) => keptRow(set, days, { dimension, now }) ?? newDay(set, dimension, now) ?? [],
  );
}

function keptRow<D extends Dimension | DayDimension>(
  { settings }: LimitSet,
  rows: readonly Row<D>[],
  { dimension, now }: { dimension: D; now: number },
): Row<D> | null {
  const row = rows.find((old) => old.dimension === dimension);
  const limit = settings.limits[dimension];
  if (row === undefined || limit === undefined) return null;
  row.window.setLimit(limit, now);
  return row;
}

/** Takes the cost from every window of every set and a place in flight in each; or, refused, takes nothing. */
export function admit(sets: readonly LimitSet[], cost: Cost, now: number): Refusal | null {
  let refusal: Refusal | null = null;
  for (const set of sets) {
    chargeProduced(set, now);
    refusal = worse(refusal, concurrencyRefusal(set));
    for (const row of set.rows)
      refusal = worse(refusal, rateRefusal(row, cost[row.dimension], now));
    for (const row of set.days)
      refusal = worse(refusal, rateRefusal(row, cost[COUNTED_AS[row.dimension]], now));
  }
  if (refusal !== null) return refusal;
  for (const set of sets) {
    set.inFlight += 1;
    for (const row of set.rows) charge(row, cost[row.dimension], now);
    for (const row of set.days) charge(row, cost[COUNTED_AS[row.dimension]], now);
  }
  return null;
}

/** A call has ended, however it did. */
export function leave(sets: readonly LimitSet[]): void {
  for (const set of sets) set.inFlight -= 1;
}

/** A refused or failed call that the provider counts: takes a request where one is left, never into debt. */
export function countFailure(sets: readonly LimitSet[], now: number): void {
  for (const set of sets) {
    takeLast(
      set.rows.find(({ dimension }) => dimension === 'rpm'),
      now,
    );
    takeLast(
      set.days.find(({ dimension }) => dimension === 'rpd'),
      now,
    );
  }
}

function takeLast(row: Row<Dimension | DayDimension> | undefined, now: number): void {
  const left = row === undefined ? 0 : Math.min(1, row.window.remaining(now));
  if (row !== undefined && left > 0) charge(row, left, now);
}

/** From now on a call produces `perMs` output tokens each ms. */
export function startProducing(sets: readonly LimitSet[], perMs: number, now: number): void {
  for (const set of sets) {
    chargeProduced(set, now);
    set.producing.perMs += perMs;
    set.producing.calls += 1;
  }
}

/** The call has ended; `correction` = tokens really produced − perMs × its time. */
export function stopProducing(
  sets: readonly LimitSet[],
  { perMs, correction }: { perMs: number; correction: number },
  now: number,
): void {
  for (const set of sets) {
    chargeProduced(set, now);
    const calls = set.producing.calls - 1;
    set.producing.calls = calls;
    // Exactly nothing once nobody produces: sums of doubles leave crumbs.
    set.producing.perMs = calls === 0 ? 0 : set.producing.perMs - perMs;
    chargeOutput(set, correction, now);
  }
}

/** Output that is charged in one piece, for answers that take no time. */
export function produceAtOnce(sets: readonly LimitSet[], tokens: number, now: number): void {
  for (const set of sets) chargeOutput(set, tokens, now);
}

/** Charges what the calls in flight have produced until now. Everything that looks at a set does this first. */
export function chargeProduced(set: LimitSet, now: number): void {
  const { producing } = set;
  const { perMs, until: since } = producing;
  const tokens = perMs * (now - since);
  if (tokens > 0)
    for (const row of countingOutput(set)) {
      row.window.flow(tokens, { since, now });
      row.charged += tokens;
    }
  producing.until = now;
}

function chargeOutput(set: LimitSet, tokens: number, now: number): void {
  if (tokens === 0) return;
  for (const row of countingOutput(set)) charge(row, tokens, now);
}

const countingOutput = ({ rows, days }: LimitSet): Row<Dimension | DayDimension>[] => [
  ...rows.filter(({ dimension }) => dimension === 'tpm' || dimension === 'otpm'),
  ...days.filter(({ dimension }) => dimension === 'tpd'),
];

function charge(row: Row<Dimension | DayDimension>, cost: number, now: number): void {
  row.window.take(cost, now);
  row.charged += cost;
}

function rateRefusal(
  row: Row<Dimension | DayDimension>,
  requested: number,
  now: number,
): Refusal | null {
  const need = row.dimension === 'otpm' ? Math.max(1, requested) : requested;
  if (need === 0) return null;
  const waitMs = row.window.waitMs(need, now);
  if (waitMs === 0) return null;
  const value = row.window.perMinute;
  const used = value - row.window.remaining(now);
  return { limit: row.dimension, value, used, requested, waitMs };
}

function concurrencyRefusal(set: LimitSet): Refusal | null {
  const value = set.settings.limits.concurrency;
  if (value === undefined || set.inFlight < value) return null;
  return { limit: 'concurrency', value, used: set.inFlight, requested: 1, waitMs: null };
}

/** The refusal that lasts longest is the one to name; one whose end nobody knows gives way to one that is known. */
function worse(a: Refusal | null, b: Refusal | null): Refusal | null {
  if (a === null || b === null) return a ?? b;
  return (b.waitMs ?? 0) > (a.waitMs ?? 0) ? b : a;
}
