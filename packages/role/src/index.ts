export { endSaying, runRole } from './run-role.ts';
export type { Refused, Running } from './run-role.ts';
export { Seldom } from './seldom.ts';
