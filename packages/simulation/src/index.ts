export { Engine } from './engine.ts';
export type { Progress, Run } from './run.ts';
export { idealMs } from './ideal.ts';
export { percentilesOf, reportOf } from './report.ts';
export type { Percentiles, Report, TenantReport } from './report.ts';
export { USUAL_BEHAVIOUR } from './scenario.ts';
export type { Behaviour, Job, Latency, Outage, Scenario, Settings } from './scenario.ts';
export type { Task, TaskEnd } from './task.ts';
export { drawn, drawnNormal, stream } from './chance.ts';
