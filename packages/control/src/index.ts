export { limitNames, sharedBudget } from './override.ts';
export type { Override, OverridePatch, Wish } from './override.ts';
export type { FleetChange } from './change-fleet.ts';
export { LiveControl } from './live-control.ts';
export type { Applied, ReadConfig, ReloadResult } from './live-control.ts';
