/** How the calls of a set of classes go in time, and what each limit is worth: what plans are put together from. */
import type { Limits } from './limits.ts';

export interface Course {
  limits: Limits;
  /** T* of these classes together, deadlines and prices aside. */
  idealMs: number;
  /** The same, had no tenant limits of its own. */
  fleetMs: number;
  /** When the last call starts. */
  endMs: number;
  /** By arc; empty = it gets nothing. */
  steps: Step[][];
  worth: Worth[];
}

/** So many calls start between the two, at a steady rate. */
export interface Step {
  fromMs: number;
  untilMs: number;
  jobs: number;
}

/** By limit. */
export interface Worth {
  /** Ms saved by one more unit at the start. */
  price: number;
  /** Ms saved by one more unit per ms. */
  rateSavesMs: number;
  /** Dollars saved by one more unit per ms: where classes go by cost. */
  rateSavesUsd: number;
}

export type CourseResult = { kind: 'solved'; course: Course } | { kind: 'failed'; reason: string };
