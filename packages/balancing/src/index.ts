export { callMs, costOn, msOf, unitsOf, usdOn } from './candidate.ts';
export type { Asked, Candidate, CandidateState, Cost, Rate, SharedSlots } from './candidate.ts';
export { contendedBy, depthNow, NO_CONTENTION } from './contention.ts';
export { NO_PICK_UP, pickUpAfter, pickUpMs } from './pick-up.ts';
export type { PickUp } from './pick-up.ts';
export { eachMs, spokenForMs, spokenForWith } from './load.ts';
export { DEFAULT_DEPTH, chunkSize, depthFor, paceWithin, room } from './room.ts';
export type { Depth } from './room.ts';
export { NO_MEMORY } from './strategy.ts';
export type { Drawn, Memory, Strategy } from './strategy.ts';
export {
  STRATEGY_KINDS,
  STRATEGY_NAMES,
  strategyFor,
  strategyKind,
  strategyNamed,
} from './strategies.ts';
export type {
  Made,
  Member,
  Members,
  SettingDoc,
  SettingMistake,
  StrategyKind,
} from './settings.ts';
export { getsNothing, keptTiers, reachesOf, sharesOf, tiersFor } from './kept-tiers.ts';
export { lotOf, lotOfLine } from './lot.ts';
export { affinityOf, keyHashOf } from './affinity.ts';
export type { Affinity } from './affinity.ts';
export { AskedLately, isLast } from './asked-lately.ts';
export { Spills } from './spills.ts';
export type { Lane, SpillTiers } from './spills.ts';
export { choose } from './choose.ts';
export type { Choice, NeverReason, PoolNow, Why } from './choose.ts';
export { fitting, withinDay, withoutUsedUp } from './day-room.ts';
export type { DayRoom, Waits } from './day-room.ts';
export { FleetHealth } from './fleet-health.ts';
export type { EndedCalls, Surroundings } from './fleet-health.ts';
export { weightNow } from './outliers.ts';
export { isUsable, takesCalls, takesCallsOf } from './takes.ts';
export { shareOfRate } from './slow-start.ts';
export { counts, lookAt, newBreaker } from './breaker.ts';
export { BLOCKING, BLOCK_RETRY_MS, afterFact, isBlocking, isDue } from './block.ts';
export type { BlockReason } from './block.ts';
export { trying } from './trial.ts';
export type { Trying } from './trial.ts';
export { standing, standsStill, usedUpUntil } from './standing.ts';
export type { Health, Standing } from './standing.ts';
export { shares } from './shares.ts';
export { addLately, LATELY, sharesLately, sumLately } from './lately.ts';
export type { Lately } from './lately.ts';
