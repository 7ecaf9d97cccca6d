/**
 * One rate limit as a provider enforces it, in units (requests or tokens) per minute. `now` is passed in, in
 * milliseconds of a clock that never goes back, so every window can be tested without one.
 *
 * Promise of every kind: a unit is admitted only while the window holds it. A single cost dearer than a whole
 * window is admitted from an untouched window only and leaves a debt that the rate pays off, so that the long-run
 * rate is kept; with cheaper costs no window of the kind ever admits more than its allowance.
 */
export interface RateWindow {
  /** Milliseconds until `need` units would be admitted; 0 = now. Changes nothing. */
  waitMs: (need: number, now: number) => number;
  /** Charges without asking; may leave a debt. A negative cost gives back. */
  take: (cost: number, now: number) => void;
  /**
   * Charges what has flowed out evenly since then: a bucket refills meanwhile, and stays full where less flows out than comes in.
   * Fixed and sliding windows count all of it as of `now`.
   */
  flow: (cost: number, time: { since: number; now: number }) => void;
  /** Units this window still holds; negative in debt. */
  remaining: (now: number) => number;
  /** Milliseconds until the window is untouched again if nothing more is charged. */
  resetMs: (now: number) => number;
  /** A new limit per minute, in force at once. Nothing that was charged is given back; a bucket spills what it cannot hold. */
  setLimit: (perMinute: number, now: number) => void;
  readonly perMinute: number;
}

export const WINDOW_KINDS = [
  'bucket_1s',
  'bucket_10s',
  'bucket_60s',
  'fixed_minute',
  'fixed_10s',
  'sliding_60s',
] as const;
export type WindowKind = (typeof WINDOW_KINDS)[number];

export interface WindowStart {
  perMinute: number;
  /** Share of the window that is free at the start, 0 to 1. */
  initialFill: number;
  now: number;
  /** Wall-clock ms at `now` = 0: fixed windows begin at whole minutes (ten seconds) of the wall clock. */
  epochMs: number;
}

/** Rounding allowance in units: far below one request or token, far above the error of sums of doubles. */
export const TOLERANCE = 1e-6;
