export { costOfAttempts, roundUsd } from './cost.ts';
export { SLOTS, isId, lineId, makeId, makeSiblingId, parseLineId, slotOf } from './id.ts';
export type { IdKind } from './id.ts';
export { BAND, ENDPOINTS, JOB_STATUSES, PRIORITIES, isTerminal } from './job.ts';
export type { Endpoint, Job, JobErrorCode, JobStatus, Priority, TerminalStatus } from './job.ts';
export { DEEPEST_JSON, isTooDeep } from './json-depth.ts';
export { unfitIn } from './unfit-json.ts';
export { jobJson } from './job-json.ts';
export type { RawResult } from './job-json.ts';
export { OUTCOMES } from './outcome.ts';
export type { Attempt, FailureClass, Outcome, Usage } from './outcome.ts';
export { RATE_DIMENSIONS } from './deployment.ts';
export type {
  Budget,
  Deployment,
  Fleet,
  Limits,
  Accounting,
  OutputCap,
  OutputCharge,
  Pool,
  Price,
  Provider,
  RateDimension,
  Tenant,
} from './deployment.ts';
export { answersOf, measure, USUAL_CHARS_PER_TOKEN, USUAL_OUTPUT_TOKENS } from './shape.ts';
export type { Shape } from './shape.ts';
export { isSamePrice, pricesCountedAs } from './same-price.ts';
export { membersOf, tiersOf } from './members.ts';
export { MAXIMA, maximumIn, setsMaximum } from './params-maximum.ts';
export { findWanting } from './required.ts';
export type { Wanting } from './required.ts';
export { EVENT_TYPES } from './webhook.ts';
export type {
  EndpointHealth,
  EndpointSecret,
  EventType,
  WebhookEndpoint,
  WebhookEvent,
} from './webhook.ts';
