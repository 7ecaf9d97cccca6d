/**
 * A budget's limits turned into the numbers that the arithmetic works with: pacers for what is limited per minute,
 * rolling windows for what is limited per day or month, permits for calls in flight.
 */
import type { Budget, OutputCharge } from '@sluice/job';

export const PACED_DIMENSIONS = ['rpm', 'tpm', 'itpm', 'otpm'] as const;
export type PacedDimension = (typeof PACED_DIMENSIONS)[number];
export const WINDOWED_DIMENSIONS = ['rpd', 'tpd', 'usd_per_day', 'usd_per_month'] as const;
export type WindowedDimension = (typeof WINDOWED_DIMENSIONS)[number];
/** What can be charged; `concurrency` is held, not charged. */
export type Dimension = PacedDimension | WindowedDimension;

/**
 * `interactive` may use the whole burst. While there are interactive calls `batch` gets a part of it, so that what it
 * books ahead still leaves burst for an interactive call to start at once (see reserve.ts).
 */
export type Band = 'interactive' | 'batch';

export interface PacingSettings {
  /** Part of the limit that is used: covers clock drift and estimates that are a little low. */
  share: number;
  /** Burst as milliseconds of rate (but at least one request). */
  burstMs: number;
  /** Part of the burst that batch may use while there are interactive calls. */
  batchShare: number;
  /** Unused cost kept to set off against later debts, as milliseconds of rate. */
  creditMs: number;
}

/**
 * For providers that allow at least one second's burst: half of it is our burst, half covers the credit
 * (see settle.ts). Batch, which is booked 100 ms ahead at most beside interactive calls, leaves these 400 ms.
 */
export const KNOWN_WINDOW: PacingSettings = {
  share: 0.985,
  burstMs: 500,
  batchShare: 0,
  creditMs: 500,
};
/** For providers that say nothing: burst + rate × w ≤ limit × w also for fixed windows of ten seconds or more. */
export const UNKNOWN_WINDOW: PacingSettings = { ...KNOWN_WINDOW, share: 0.95 };

/**
 * Calls do not arrive as evenly as they start, ms. A bucket of one second holds at most one request of a limit of 60 a minute
 * and less, so there each call must come so much later than the limit says; above, the bucket's other requests make up for it.
 */
const UNEVEN_MS = 30;

/** Part of a limit on requests that is used. */
function shareOf(limit: number | undefined, { share }: PacingSettings): number {
  if (limit === undefined) return share;
  const everyMs = 60_000 / limit;
  const spareMs = Math.max(0, 1_000 - everyMs);
  return Math.min(share, everyMs / (everyMs + Math.max(0, UNEVEN_MS - spareMs)));
}

/** How far ahead a start may be booked. */
export const HORIZON_MS = 250;
/** How long before its moment a call that has to wait asks again: the horizon beside interactive calls, and time to spare. */
export const ASK_AHEAD_MS = 50;
/** What a limit per day or month gives back within so long is waited for as any other limit; beyond that work goes elsewhere. */
export const RENEWAL_MS = 60_000;
/** When to ask again for a permit: any call that ends frees one, so there is no exact wait. */
export const PERMIT_POLL_MS = 50;

/** One dimension that is counted per minute. Every budget has all four: a limit that is not configured may be learnt. */
export interface PacerRule {
  dimension: PacedDimension;
  /** As configured; null = it is not. */
  limit: number | null;
  /** Part of a configured limit that is used. */
  share: number;
  /** Burst, ms of rate (but at least one request). */
  burstMs: number;
  batchShare: number;
  /** Part of the burst that batch may use while there are no interactive calls. */
  freeShare: number;
  creditMs: number;
}

/** At most `limit` in any `bins` × `binMs`, counted in bins. */
export interface WindowRule {
  dimension: WindowedDimension;
  limit: number;
  binMs: number;
  bins: number;
}

export interface BudgetRules {
  budget: string;
  outputCharge: OutputCharge;
  pacers: PacerRule[];
  windows: WindowRule[];
  /** Calls in flight at once; null = unlimited. */
  concurrency: number | null;
}

/**
 * Output that is charged as it is produced: calls under way go on charging, and what they charge is known only when they
 * end. So batch keeps off most of the burst (measured: a third of the 429s, for the same drain time).
 */
const PRODUCED_SHARE = 0.3;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BINS: Record<WindowedDimension, { binMs: number; bins: number }> = {
  rpd: { binMs: HOUR_MS, bins: 24 },
  tpd: { binMs: HOUR_MS, bins: 24 },
  usd_per_day: { binMs: HOUR_MS, bins: 24 },
  usd_per_month: { binMs: DAY_MS, bins: 30 },
};

/** The rules of a budget; a limit per day or month that is not configured has none. Throws RangeError on a limit that is not positive. */
export function rulesOf(budget: Budget, settings: PacingSettings = KNOWN_WINDOW): BudgetRules {
  const { limits } = budget;
  const limitOf = (dimension: Dimension | 'concurrency'): number[] => {
    const limit = limits[dimension];
    if (limit === undefined) return [];
    if (limit > 0 && Number.isFinite(limit)) return [limit];
    throw new RangeError(`${budget.id}.${dimension}: found ${limit}, allowed: a number above 0`);
  };
  return {
    budget: budget.id,
    outputCharge: budget.outputCharge,
    pacers: PACED_DIMENSIONS.map((dimension) => ({
      dimension,
      limit: limitOf(dimension)[0] ?? null,
      freeShare: dimension === 'otpm' && budget.outputCharge === 'actual' ? PRODUCED_SHARE : 1,
      ...settings,
      share: dimension === 'rpm' ? shareOf(limitOf(dimension)[0], settings) : settings.share,
    })),
    windows: WINDOWED_DIMENSIONS.flatMap((dimension) =>
      limitOf(dimension).map((limit) => ({ dimension, limit, ...BINS[dimension] })),
    ),
    concurrency: limitOf('concurrency')[0] ?? null,
  };
}
