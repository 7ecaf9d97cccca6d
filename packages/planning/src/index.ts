export { classAmong, classOf } from './class-of.ts';
export type { RequestShape, ShapeClass } from './class-of.ts';
export { dayRates, renewalMs } from './day-rates.ts';
export type { WindowUse } from './day-rates.ts';
export { explain } from './explain.ts';
export type { Explanation, PlanNames } from './explain.ts';
export { fleetLimits } from './fleet-limits.ts';
export { idealByDays } from './ideal-by-days.ts';
export type { IdealTime, WindowLimit } from './ideal-by-days.ts';
export { idealDrain } from './ideal-drain.ts';
export type { Binding, IdealDrain } from './ideal-drain.ts';
export { makePlan } from './make-plan.ts';
export { meanUnits } from './mean-units.ts';
export { behindOf, mostNow, placed, replan, startPace } from './pace.ts';
export type { Behind, Pace, Pair } from './pace.ts';
export { nextPair } from './pacing.ts';
export type { PaceFacts } from './pacing.ts';
export type { LateClass, Plan, Planned, PlannedPair, PlannedRow } from './plan.ts';
export { placesOf } from './spill.ts';
export { unitsOf } from './problem.ts';
export type {
  Cost,
  DrainProblem,
  JobClass,
  Placement,
  PlannedBudget,
  PlannedDeployment,
  PlannedDimension,
  PlannedRate,
  Shaped,
} from './problem.ts';
export { DAY_MS, LIMITED_FOR_MS, mostOf } from './windows.ts';
export type { WindowName } from './windows.ts';
export { isPlanned, PLAN_EVERY_MS } from './when-planned.ts';
