export { idealDrain } from './ideal-drain.ts';
export type { Binding, IdealDrain } from './ideal-drain.ts';
export type {
  Cost,
  DrainProblem,
  JobClass,
  Placement,
  PlannedBudget,
  PlannedDeployment,
  PlannedRate,
} from './problem.ts';
