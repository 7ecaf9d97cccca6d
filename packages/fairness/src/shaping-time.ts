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
export const shapedMs = (limits: ShapingLimits, work: ShapedWork): number =>
  shapedBy(limits, work)?.ms ?? 0;

/** The limit that takes longest, and how long, ms; null without limits. */
function shapedBy(
  { rpm, tpm, concurrency }: ShapingLimits,
  { jobs, tokens, callMs }: ShapedWork,
): ShapedTime | null {
  const times: ShapedTime[] = [
    ...(rpm === undefined ? [] : [{ limit: 'rpm' as const, ms: (jobs * MINUTE_MS) / rpm }]),
    ...(tpm === undefined ? [] : [{ limit: 'tpm' as const, ms: (tokens * MINUTE_MS) / tpm }]),
    ...(concurrency === undefined
      ? []
      : [{ limit: 'concurrency' as const, ms: callMs / concurrency }]),
  ];
  return times.toSorted((a, b) => b.ms - a.ms)[0] ?? null;
}

export interface ShapedTime {
  limit: keyof ShapingLimits;
  ms: number;
}

/** Work of a tenant, and when it is due, in any unit: of a tenant the earlier goes first, what is due together goes together. */
export interface DueWork {
  tenant: string;
  dueAt: number;
  work: ShapedWork;
}

/** For each, in the same order, when its tenant's limits have let it through behind all that goes before it; null without limits. */
export function shapedInTurn(
  all: readonly DueWork[],
  limitsOf: (tenant: string) => ShapingLimits | null,
): (ShapedTime | null)[] {
  return all.map(({ tenant, dueAt }) => {
    const limits = limitsOf(tenant);
    if (limits === null) return null;
    const before = all.filter((one) => one.tenant === tenant && one.dueAt <= dueAt);
    return shapedBy(limits, before.map(({ work }) => work).reduce(plusWork, NO_WORK));
  });
}
