/**
 * Limits on output that is counted as it is produced. What a call will take is known when it has ended; how fast calls
 * produce is known all the time and hardly depends on how long their answers are. So once some answers are known such a
 * limit is not paced by what starts, but by how many calls are under way: as many as together produce what the rate gives,
 * a few more while something is saved up in the provider's bucket, fewer while it is short. An answer of whatever length
 * holds its place for as long as it produces: nothing is charged beforehand and nothing has to be given back.
 *
 * What holds: between two answers the level below falls by what calls under way produce at the usual speed; with
 * each answer it is set right. So what is produced in any window w is at most what was saved up + rate × w, as far as the
 * calls under way produce at the speed of those before them, and what they do beyond it is taken off what starts next.
 */
import type { Budget } from '@sluice/job';
import type { Band, BudgetRules, PacerRule } from './rules.ts';

export interface Produced {
  /**
   * Of answers, all three halved together now and then: how many, their output tokens, and how long they counted as under way,
   * ms. That is from booking to settlement: what is counted and what is measured must be the same time, or each call would seem
   * to have produced while it still waited for its moment.
   */
  calls: number;
  tokens: number;
  ms: number;
  /** What is left in the provider's bucket as far as we know, ms of the rate, at the moment `at`; below 0: it is in debt. */
  levelMs: number;
  at: number;
  /** By how much that rises with each ms: 1 while nothing is under way. */
  slope: number;
}

export const NOTHING_PRODUCED: Produced = {
  calls: 0,
  tokens: 0,
  ms: 0,
  levelMs: 0,
  at: 0,
  slope: 0,
};

/** Figures that the scripts share. */
export const PRODUCING = {
  /** Answers that make the speed known, and how many are remembered at most. */
  leastCalls: 4,
  mostCalls: 128,
  /** The provider's bucket holds a second at least; half of it is left to interactive calls and to chance, ms of the rate. */
  fullMs: 1_000,
  keptMs: 500,
  /** What is above or below that is spent or regained in the time of a call, but at least in so long. */
  shortestMs: 500,
  plannedShare: 0.97,
} as const;

/** The limit of a budget that is kept by calls under way; null = it has none. */
export const producedLimit = ({ outputCharge, pacers }: BudgetRules): PacerRule | null =>
  outputCharge === 'actual'
    ? (pacers.find(({ dimension, limit }) => dimension === 'otpm' && limit !== null) ?? null)
    : null;

/**
 * The part of a limit that a plan should reckon with. One on what is produced is met by chance now and then; planned to
 * the full, all other limits of the deployment would lie idle for as long.
 */
export const plannedShare = ({ outputCharge }: Pick<Budget, 'outputCharge'>, dimension: string) =>
  outputCharge === 'actual' && dimension === 'otpm' ? PRODUCING.plannedShare : 1;

/** Whether the speed of calls is known. Before, the limit is paced by what calls are expected to produce. */
export const isSpeedKnown = ({ calls, tokens, ms }: Produced): boolean =>
  calls >= PRODUCING.leastCalls && tokens > 0 && ms > 0;

/** The level at a moment, ms; after the store came back without knowing what was booked, of a bucket that was empty then. */
export function levelAt(
  { levelMs, at, slope }: Produced,
  { emptiedAt, now }: { emptiedAt: number; now: number },
): number {
  const lost = emptiedAt > at;
  const from = lost ? emptiedAt : at;
  const level = lost ? Math.min(0, levelMs) : levelMs;
  return Math.min(PRODUCING.fullMs, level + (now > from ? (now - from) * slope : 0));
}

/** By how much less is left than batch leaves, ms of the rate; 0 = batch may go on. */
export const shortMs = (produced: Produced, moment: { emptiedAt: number; now: number }): number =>
  Math.max(0, PRODUCING.keptMs - levelAt(produced, moment));

/** Calls under way that this level allows. */
export function callsAtOnce(
  produced: Produced,
  { level, band, msPerUnit }: { level: number; band: Band; msPerUnit: number },
): number {
  const kept = band === 'batch' ? PRODUCING.keptMs : 0;
  const callMs = Math.max(PRODUCING.shortestMs, produced.ms / produced.calls);
  const spending = 1 + (level - kept) / callMs;
  return Math.max(0, Math.ceil(spending / loadOf(produced, msPerUnit)));
}

/** The part of the rate that one call under way takes. */
const loadOf = ({ tokens, ms }: Produced, msPerUnit: number): number => (tokens / ms) * msPerUnit;

/** From now on so many calls are under way. */
export const withUnderWay = (
  produced: Produced,
  {
    level,
    calls,
    msPerUnit,
    now,
  }: { level: number; calls: number; msPerUnit: number; now: number },
): Produced => ({
  ...produced,
  levelMs: level,
  at: now,
  slope: 1 - calls * loadOf(produced, msPerUnit),
});

/** Answers that came together: how many, their output tokens, and how long they counted as under way, ms; both summed. */
export type Answered = Pick<Produced, 'calls' | 'tokens' | 'ms'>;

/** After answers: the level as they show it, and the speed as it is known now. */
export function afterAnswers(
  before: Produced,
  answered: Answered,
  {
    level,
    calls,
    msPerUnit,
    now,
  }: { level: number; calls: number; msPerUnit: number; now: number },
): Produced {
  const known = isSpeedKnown(before);
  const supposed = known ? loadOf(before, msPerUnit) * answered.ms : 0;
  const right = known ? level - (answered.tokens * msPerUnit - supposed) : before.levelMs;
  const after = halved({
    ...before,
    calls: before.calls + answered.calls,
    tokens: before.tokens + answered.tokens,
    ms: before.ms + answered.ms,
  });
  const next = { ...after, levelMs: Math.min(PRODUCING.fullMs, right), at: now, slope: 0 };
  return isSpeedKnown(next)
    ? withUnderWay(next, { level: next.levelMs, calls, msPerUnit, now })
    : next;
}

const halved = (produced: Produced): Produced =>
  produced.calls > PRODUCING.mostCalls
    ? {
        ...produced,
        calls: produced.calls * 0.5,
        tokens: produced.tokens * 0.5,
        ms: produced.ms * 0.5,
      }
    : produced;
