/**
 * What a plan says. Times are ms from the moment it is made for; jobs may be fractions. A class is named by its id, a
 * deployment and a budget by theirs.
 */
import type { Step } from './course.ts';
import type { PlannedDimension, Shaped } from './problem.ts';

export interface Plan {
  /** T*: no schedule of all that is planned is faster, deadlines and prices aside. Decision 0004. */
  idealMs: number;
  /** T* of what the fleet could do, had no tenant limits of its own. */
  fleetMs: number;
  /** When the last answer comes, by this plan. */
  plannedMs: number;
  /** By class and deployment, jobs; what is 0 is left out. */
  quotas: Record<string, Record<string, number>>;
  /** The same with their course, in the order of the problem: what `pacing` follows. */
  pairs: PlannedPair[];
  /** When each class's last answer comes, at steady progress. */
  finishMs: Record<string, number>;
  rows: PlannedRow[];
  /** Dollars; null = some price is unknown. */
  costUsd: number | null;
  costByClass: Record<string, number | null>;
  /** By class, what its tenant's own limits hold it to; only those that go no faster for that. */
  paced: Record<string, Shaped>;
  /** Classes that cannot meet their deadline, whatever is done. */
  late: LateClass[];
  /** Classes that nothing can run now: no deployment, or only limits of which nothing comes. Not in any figure above. */
  unplaced: string[];
  /** Deployments that share a budget, of those the plan knows: what an idle one would take from another. */
  sharing: Record<string, string[]>;
  /** By deployment, of the limits that calls before have spoken for the one that opens last; without such it is left out. */
  spokenFor: Record<string, SpokenFor>;
}

export interface SpokenFor {
  budget: string;
  dimension: PlannedDimension;
  /** From when the plan was made, ms. */
  forMs: number;
}

/** A class on a deployment where it may run; with a quota of 0 the plan sends it nothing. */
export interface PlannedPair {
  class: string;
  deployment: string;
  jobs: number;
  latencyMs: number;
  /** Its class saves money, has time for that, and runs cheaper elsewhere: it gets its quota in its time, and no more. */
  held: boolean;
  /** In order of time: so many calls start between the two, at a steady rate. */
  steps: readonly Step[];
}

/** A limit of a budget (or of a deployment's slots) and what the plan does with it. */
export interface PlannedRow {
  budget: string;
  dimension: PlannedDimension | 'concurrency';
  /** Of what there is until the plan's last call starts, the part that is used; 0…1. */
  used: number;
  /** Ms by which the drain would be shorter with one more unit at the start (concurrency: one more slot × ms); 0 = plenty. */
  price: number;
  /** Ms by which it would be shorter with one more unit per minute (concurrency: one more slot); to first order. */
  savesMs: number;
  /** Dollars saved by one more unit per minute (concurrency: slot), where classes go by cost. */
  savesUsd: number;
  /** Something hangs on it, or nothing is left of it. */
  binding: boolean;
  /** Units per deployment that the plan uses. */
  usedBy: Record<string, number>;
}

export interface LateClass {
  class: string;
  deadlineInMs: number;
  finishMs: number;
  lateByMs: number;
}

export type Planned = { kind: 'solved'; plan: Plan } | { kind: 'failed'; reason: string };
