/**
 * The names of what admission keeps in Redis, all under the tag of a root, so that one script may touch them:
 *
 *   <prefix>:{b:<root>}:rates            hash    pacers, windows, pauses and what was learnt of the root's budgets
 *   <prefix>:{b:<root>}:load             hash    counters of the root's deployments
 *   <prefix>:{b:<root>}:leases:<budget>  sorted set    lease → when it lapses, ms
 *   <prefix>:{b:<root>}:written:<writer>  hash  writes of a process whose replies it may not have yet (once.lua)
 *   <prefix>:{b:<root>}:durations:<window>  hash    `<deployment>|<bucket>` → calls answered, of ten minutes since 1970
 */
import type { Dimension } from '@sluice/budget';

const key = (prefix: string, root: string, what: string): string => `${prefix}:{b:${root}}:${what}`;

export const ratesKey = (prefix: string, root: string): string => key(prefix, root, 'rates');
export const loadKey = (prefix: string, root: string): string => key(prefix, root, 'load');
export const leasesKey = (prefix: string, root: string, budget: string): string =>
  key(prefix, root, `leases:${budget}`);
export const writtenKey = (prefix: string, root: string, writer: string): string =>
  key(prefix, root, `written:${writer}`);
/** `window` '': what the names of all windows begin with. */
export const durationsKey = (prefix: string, root: string, window: number | ''): string =>
  key(prefix, root, `durations:${window}`);

/** Fields of `rates`. */
export const dimensionField = (budget: string, dimension: Dimension): string =>
  `${budget}|${dimension}`;
export const learntField = (budget: string, dimension: Dimension): string =>
  `${dimensionField(budget, dimension)}|learnt`;
export const sentField = (budget: string): string => `${budget}|sent`;
export const slotsField = (budget: string): string => `${budget}|slots`;
export const interactiveField = (budget: string): string => `${budget}|interactive`;
export const producedField = (budget: string): string => `${budget}|produced`;
export const pauseField = (budget: string): string => `${budget}|pause`;

/** Fields of `load`. */
export const counterField = (deployment: string, counter: string): string =>
  `${deployment}|${counter}`;
