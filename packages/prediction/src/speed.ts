/**
 * How a deployment does against its own predictions: a peak-sensitive moving mean of actual ÷ predicted (Finagle's
 * Peak-EWMA, on residuals instead of round trips). 1 = as predicted, 3 = three times slower. A slow call counts at once and
 * in full, a quick one by and by; without calls it goes back to 1, so that a deployment nobody uses is tried again.
 */

/** Plain data, never changed in place. */
export interface Speed {
  ratio: number;
  /** When the last call ended, ms. */
  at: number;
}

export interface Ended {
  predictedMs: number;
  tookMs: number;
  /** It failed: counts as the timeout, for a quick error is no quick answer. Leave out 429s: they are about budgets. */
  failed: boolean;
  timeoutMs: number;
  /** When it ended, ms. */
  now: number;
}

const MEMORY_MS = 10_000;
const LEAST = 0.1;
const MOST = 100;

export const newSpeed = (now: number): Speed => ({ ratio: 1, at: now });

/** Speed after a call; the same where its numbers make no sense. */
export function afterCall(speed: Speed, ended: Ended): Speed {
  const { predictedMs, tookMs, failed, timeoutMs, now } = ended;
  const ms = failed ? Math.max(timeoutMs, tookMs) : tookMs;
  if (!(predictedMs > 0) || !(ms >= 0) || !Number.isFinite(ms / predictedMs)) return speed;
  const ratio = Math.min(MOST, Math.max(LEAST, ms / predictedMs));
  if (ratio >= speed.ratio) return { ratio, at: Math.max(now, speed.at) };
  const kept = keptAfter(now - speed.at);
  return { ratio: speed.ratio * kept + ratio * (1 - kept), at: Math.max(now, speed.at) };
}

/** Actual ÷ predicted to expect now. */
export const ratioAt = ({ ratio, at }: Speed, now: number): number =>
  1 + (ratio - 1) * keptAfter(now - at);

/** Clocks of several machines may disagree a little: nothing ends before what came before it. */
const keptAfter = (ms: number): number => Math.exp(-Math.max(0, ms) / MEMORY_MS);
