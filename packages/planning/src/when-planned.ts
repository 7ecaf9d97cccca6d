/** Whose lines a plan leads, and how often one is made. */
import type { Pool } from '@sluice/job';

/** How often a plan is made while something waits, ms; more often when something has changed. */
export const PLAN_EVERY_MS = 3_000;

/** Strategies that say nothing about where work should go but "as fast, or as cheaply, as possible": these keep to the plan. */
const PLANNED: ReadonlySet<string> = new Set(['capacity', 'cost']);

/** Whether the plan decides where lines of this pool go; else its strategy does. */
export const isPlanned = ({ strategy }: { strategy: Pick<Pool['strategy'], 'name'> }): boolean =>
  PLANNED.has(strategy.name);
