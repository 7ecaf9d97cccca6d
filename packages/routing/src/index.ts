export { DAYS } from './conditions.ts';
export type { Arm, Conditions, Day, Range, Route, TimeWindow } from './conditions.ts';
export { covers } from './covers.ts';
export { isTimeZone } from './local-time.ts';
export { route } from './route.ts';
export type { RequestFacts, Routed } from './route.ts';
