export { WINDOW_KINDS } from './rate-window.ts';
export type { RateWindow, WindowKind, WindowStart } from './rate-window.ts';
export { createRateWindow } from './create-rate-window.ts';
export {
  DAY_MS,
  DIMENSIONS,
  admit,
  changeLimits,
  chargeProduced,
  countFailure,
  createLimitSet,
  leave,
  produceAtOnce,
  refill,
  startProducing,
  stopProducing,
} from './limit-set.ts';
export type {
  Cost,
  DayDimension,
  Dimension,
  LimitSet,
  Refusal,
  SetLimits,
  SetSettings,
} from './limit-set.ts';
export { limitStats, limitViews } from './limit-views.ts';
export type { LimitStats, LimitView, SetStats } from './limit-views.ts';
export {
  CONCURRENCY_RETRY_MS,
  advisedMs,
  retryAfterMs,
  retryAfterSeconds,
} from './retry-advice.ts';
