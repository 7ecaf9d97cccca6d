/** How long work of a tenant takes at least under the limits that shape what is sent for it. */
import type { ShapingLimits } from './shaping.ts';

/** Sums over jobs. */
export interface ShapedWork {
  jobs: number;
  /** Input and output, as they are charged. */
  tokens: number;
  /** Of their calls. */
  callMs: number;
}

export const NO_WORK: ShapedWork = { jobs: 0, tokens: 0, callMs: 0 };

export const plusWork = (a: ShapedWork, b: ShapedWork): ShapedWork => ({
  jobs: a.jobs + b.jobs,
  tokens: a.tokens + b.tokens,
  callMs: a.callMs + b.callMs,
});

const MINUTE_MS = 60_000;

/** ms: by the limit that takes longest; 0 without limits. The second that a full bucket gives at once is not taken off. */
export function shapedMs(
  { rpm, tpm, concurrency }: ShapingLimits,
  { jobs, tokens, callMs }: ShapedWork,
): number {
  return Math.max(
    rpm === undefined ? 0 : (jobs * MINUTE_MS) / rpm,
    tpm === undefined ? 0 : (tokens * MINUTE_MS) / tpm,
    concurrency === undefined ? 0 : callMs / concurrency,
  );
}
