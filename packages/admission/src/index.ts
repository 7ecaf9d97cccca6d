export { Admission } from './admission.ts';
export type { AdmissionOptions, Asked, Booked, Refused, Settled } from './admission.ts';
export type { BudgetLoad, DimensionLoad, SlotsLoad, WindowLoad } from './budget-load.ts';
export { unseenLoad } from './deployment-load.ts';
export type { DeploymentLoad } from './deployment-load.ts';
export type { LimitReport } from './drawn-budgets.ts';
