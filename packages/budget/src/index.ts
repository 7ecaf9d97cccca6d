export { adviseCap, adviseUnlearntCap, capWords } from './cap-advice.ts';
export type { CapAdvice, CapFacts } from './cap-advice.ts';
export { easedPart, easedRules } from './eased.ts';
export {
  AMOUNTS,
  paidFor,
  settledCost,
  amountCounted,
  amountOf,
  differenceOf,
  expectedCost,
} from './cost.ts';
export type { Amount, Cost, CostFacts, EndedUse } from './cost.ts';
export { commonFigures } from './common-figures.ts';
export type { CommonFigures } from './common-figures.ts';
export {
  ASK_AHEAD_MS,
  HORIZON_MS,
  KNOWN_WINDOW,
  PACED_DIMENSIONS,
  PERMIT_POLL_MS,
  RENEWAL_MS,
  UNKNOWN_WINDOW,
  WINDOWED_DIMENSIONS,
  rulesOf,
} from './rules.ts';
export type {
  Band,
  BudgetRules,
  Dimension,
  PacedDimension,
  PacerRule,
  PacingSettings,
  WindowRule,
  WindowedDimension,
} from './rules.ts';
export type { Pacer } from './pacer.ts';
export {
  LEARNING,
  NOTHING_LEARNT,
  ceilingPace,
  configuredPace,
  paceOf,
  reportedPace,
} from './learnt.ts';
export type { Learnt, Pace } from './learnt.ts';
export { observe, reportedOn } from './observe.ts';
export type { Report } from './observe.ts';
export { RESERVE } from './reserve.ts';
export { refuse } from './refuse.ts';
export type { Refusal } from './refuse.ts';
export { freshSlots } from './slots.ts';
export type { Slots } from './slots.ts';
export { CREDIT_MARGIN_MS, liveBins, usedIn } from './rolling-window.ts';
export type { Bin } from './rolling-window.ts';
export {
  afterRestart,
  budgetIn,
  emptyState,
  fullState,
  liveLeases,
  pacerIn,
  withBudget,
} from './state.ts';
export type { AdmissionState, BudgetState } from './state.ts';
export { jobsThatFit, renewalMs } from './day-room.ts';
export { HOLE_MS, book } from './book.ts';
export { bookedBeyondMs } from './booked-ahead.ts';
export { isByCalls } from './paces.ts';
export { outsizedBy, outsizedWords } from './outsized.ts';
export type { Outsized } from './outsized.ts';
export { leasing } from './permits.ts';
export {
  NOTHING_PRODUCED,
  PRODUCING,
  isSpeedKnown,
  plannedShare,
  producedLimit,
  shortMs,
} from './produced.ts';
export type { Answered, Produced } from './produced.ts';
export type { Binding, BookRequest, Booking } from './book.ts';
export { answeredOf, correctionsOf, refundsOf, renew, settle } from './settle.ts';
export type { Corrections, EndedCall, SettleRequest } from './settle.ts';
export {
  MOST_INPUT_TOKENS,
  MOST_OUTPUTS,
  NO_CALLS,
  cachedShare,
  charsPerToken,
  countEnded,
  countSince,
  meanOutput,
  tally,
} from './counters.ts';
export type { Counters, EndedOutcome, Since, Tally } from './counters.ts';
export { GIVEN_SHARE, LONGEST_DEBT_MS } from './pacer.ts';
export type { Sent } from './sent.ts';
export { usedShare } from './used-share.ts';
