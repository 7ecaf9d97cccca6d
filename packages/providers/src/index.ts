export { ADAPTERS, adapterFor, unsayableBy } from './adapters.ts';
export { FORMATS, formatBit, formatsFor, formatsOf } from './formats.ts';
export type { Sayable } from './formats.ts';
export type { Adapter, Answer, Body, Call, ProviderRequest, ProviderResponse } from './adapter.ts';
export { createCaller } from './call.ts';
export type { CallOptions, CallResult, Caller, CallerOptions } from './call.ts';
export { readLimits } from './limits.ts';
export { refusedLimit } from './refused-limit.ts';
export type { LimitReport } from './limits.ts';
