export { behaviourOf, buildScenario, settingsOf } from './build-scenario.ts';
export type { Installed } from './build-scenario.ts';
export { simulate } from './simulate.ts';
export { duration, showReport } from './show-report.ts';
export { parseWorkload } from './workload.ts';
export type { Workload } from './workload.ts';
export { readTrace } from './read-trace.ts';
export type { TraceRequest } from './read-trace.ts';
