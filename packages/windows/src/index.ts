export { WINDOW_KINDS } from './rate-window.ts';
export type { RateWindow, WindowKind, WindowStart } from './rate-window.ts';
export { createRateWindow } from './create-rate-window.ts';
export {
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
export type { Cost, Dimension, LimitSet, Refusal, SetLimits, SetSettings } from './limit-set.ts';
export { limitStats, limitViews } from './limit-views.ts';
export type { LimitStats, LimitView } from './limit-views.ts';
