export { NEW_LATENCY_MODEL, learn, predictMs } from './latency-model.ts';
export type { Call, LatencyModel, Sample } from './latency-model.ts';
export { afterCall, newSpeed, ratioAt } from './speed.ts';
export type { Ended, Speed } from './speed.ts';
export { NEW_LENGTHS, afterAnswer, afterAnswers, quantileOf } from './lengths.ts';
export type { Lengths } from './lengths.ts';
export {
  certaintyOf,
  expectedMean,
  expectedOutput,
  outputRange,
  usualOutput,
} from './expected-output.ts';
export type { Expected } from './expected-output.ts';
export { addDurations, callsIn, durationsOf, percentilesOf } from './durations.ts';
export type { Durations, Percentiles } from './durations.ts';
