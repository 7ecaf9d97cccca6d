/**
 * The one type behind which every strategy stands. A strategy answers only "which of these?": who may be considered
 * and whether there is room is decided before it is asked, the same for all (choose.ts).
 */
import type { Asked, Candidate } from './candidate.ts';

/**
 * What a strategy remembers between placements: a figure per deployment id. Plain data, never changed in place.
 * In parts, because making a new one for every placement must not cost a table of all ids.
 */
export interface Memory {
  /** Where the figure of an id stands, and whose figure stands where. */
  places: ReadonlyMap<string, number>;
  ids: readonly string[];
  figures: readonly number[];
}

/** To begin with, and after the pool's deployments have changed. */
export const NO_MEMORY: Memory = { places: new Map(), ids: [], figures: [] };

/** What a strategy goes by that keeps jobs to an arm: none of it changes while the job waits. */
export type Drawn = Pick<Asked, 'affinityKey' | 'lot' | 'eligible'>;

/** A strategy that keeps jobs to arms: for a job the deployments of other arms are as if they were not there. */
export interface Keeping {
  /** The arm that a job of this kind is kept to, whoever has room; the same for the same `asked`, whose `lot` is drawn. */
  armFor(asked: Drawn): string;
  /** The arm that a deployment is of; null = none, and every job may go there. */
  armOf(deployment: string): string | null;
  /** What part of the jobs that these deployments can say each arm is to get, 0 to 1, 1 in all; null = all can. */
  shares(eligible: Drawn['eligible']): ReadonlyMap<string, number>;
}

/** Whether jobs that are kept to the arm may go there. */
export const isOpenTo = (
  { armOf }: Pick<Keeping, 'armOf'>,
  arm: string,
  deployment: string,
): boolean => (armOf(deployment) ?? arm) === arm;

export interface Strategy {
  name: string;
  /** Jobs of one key belong together: lines of batches then travel by it. Absent = a line's key is not looked at. */
  byKey?: true;
  /** Where money is saved: deployments at most so many percent dearer than the cheapest count as equally cheap. Absent = it does not save money. */
  withinPercent?: number;
  /**
   * The best of `candidates` for one job of `asked`. They are never empty, in the pool's order, all usable, of weight
   * above 0 and with room. Same arguments and random numbers, same answer; nothing passed in is changed.
   */
  pick(asked: Asked, candidates: readonly Candidate[], chance: Chance): Candidate | Spilled;
  /**
   * Those of a tier's active deployments, with room or without, that it would rather wait for than use the others; never
   * empty. Absent = it never waits while somebody has room.
   */
  waitsFor?(asked: Asked, active: readonly Candidate[], waitedMs: number): readonly Candidate[];
  /** Absent = every job may go to all of its pool. */
  keeping?: Keeping;
  /** Its memory after `jobs` jobs went to `picked`; absent = it remembers nothing. */
  remember?(memory: Memory, candidates: readonly Candidate[], placed: Placed): Memory;
}

/** A pick that is not where the job belonged: that one has no room or is not usable. */
interface Spilled {
  candidate: Candidate;
  /** Where it belonged: the arm, or the region. */
  insteadOf: string;
}

export interface Chance {
  memory: Memory;
  /** Uniform in [0, 1). */
  random: () => number;
  /** How many of the jobs asked for would be placed there at once. */
  jobsOn: (candidate: Candidate) => number;
}

export interface Placed {
  picked: Candidate;
  jobs: number;
}
