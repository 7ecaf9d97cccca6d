/**
 * Tenants with limits of their own, in the plan: lines of such a tenant are classes of their own, as far as there are not too
 * many, and the plan knows how long its limits take to let them through. So nothing is kept free for what cannot come. Pure.
 */
import { shapedMs } from '@sluice/fairness';
import type { ShapingLimits } from '@sluice/fairness';
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import { unfedOf } from './draining.ts';
import type { Draining } from './draining.ts';

/** Of a tenant; null = none. */
export type ShapingOf = (tenant: string) => ShapingLimits | null;

/** Where there is no figure yet: only who is looked at hangs on it. */
const CALL_MS = 1_000;

/** The tenants that have limits, first who is held longest by them. */
export function longestHeld(
  batches: readonly Pick<Draining, 'tenant' | 'classes'>[],
  shapingOf: ShapingOf,
): string[] {
  const held = new Map<string, number>();
  for (const { tenant, classes } of batches) {
    const limits = shapingOf(tenant);
    if (limits === null) continue;
    for (const one of classes) {
      const jobs = unfedOf(one);
      const characters = (one.of.characters * jobs) / Math.max(1, one.of.jobs);
      const tokens = characters / USUAL_CHARS_PER_TOKEN;
      const ms = shapedMs(limits, { jobs, tokens, callMs: jobs * CALL_MS });
      held.set(tenant, (held.get(tenant) ?? 0) + ms);
    }
  }
  return [...held].toSorted(([, a], [, b]) => b - a).map(([tenant]) => tenant);
}
