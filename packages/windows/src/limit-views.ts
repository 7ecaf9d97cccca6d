/** The limits a call falls under as headers and counts show them. */
import { chargeProduced } from './limit-set.ts';
import type { DayDimension, Dimension, LimitSet } from './limit-set.ts';

/** A limit as headers show it. `resetMs`: until the window is untouched again. */
export interface LimitView {
  perMinute: number;
  remaining: number;
  resetMs: number;
}

/** Per dimension the window that has least left, among all sets. */
export function limitViews(sets: readonly LimitSet[], now: number): Map<Dimension, LimitView> {
  const views = new Map<Dimension, LimitView>();
  for (const set of sets) {
    chargeProduced(set, now);
    for (const { dimension, window } of set.rows) {
      const remaining = window.remaining(now);
      const found = views.get(dimension);
      if (found !== undefined && found.remaining <= remaining) continue;
      views.set(dimension, {
        perMinute: window.perMinute,
        remaining,
        resetMs: window.resetMs(now),
      });
    }
  }
  return views;
}

export interface LimitStats {
  /** Per minute, or per day. */
  limit: number;
  /** Requests or tokens charged since the start or the last reset. */
  charged: number;
  /**
   * charged ÷ what the limit's rate gives between first call and last answer; the initial filling may lift it above 1. Of a limit per
   * day ÷ the limit.
   */
  utilisation: number | null;
}

/** By limit. */
export type SetStats = Partial<Record<Dimension | DayDimension, LimitStats>>;

/** `busyMs`: from the first call to the last answer of whoever shares the set; null before. */
export function limitStats(
  set: LimitSet,
  { busyMs, now }: { busyMs: number | null; now: number },
): SetStats {
  chargeProduced(set, now);
  const stats: SetStats = {};
  for (const { dimension, window, charged } of set.rows) {
    const given = busyMs === null ? 0 : (window.perMinute * busyMs) / 60_000;
    const utilisation = given > 0 ? charged / given : null;
    stats[dimension] = { limit: window.perMinute, charged, utilisation };
  }
  for (const { dimension, window, charged } of set.days) {
    const { perMinute: limit } = window;
    stats[dimension] = { limit, charged, utilisation: charged / limit };
  }
  return stats;
}
