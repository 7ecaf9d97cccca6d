/** Whether a batch will be done in time, said when it is accepted, and how urgent it is while it waits. */

/** Work of one kind that a batch brings, as the drain time it needs at the whole capacity that may run it, ms. */
export interface Demand {
  /** In words for the sentence: a pool or class. */
  name: string;
  workMs: number;
}

export interface DeadlineFacts {
  /** Unix ms. */
  now: number;
  deadlineAt: number;
  demands: readonly Demand[];
  /** When the plan will have it done, Unix ms; null without a plan. */
  plannedFinishAt: number | null;
  /** What else waits, for when the plan says nothing: work due before the batch goes before it. */
  waiting: readonly { dueAt: number; workMs: number }[];
}

export interface DeadlineVerdict {
  meets: boolean;
  /** Time left when it is done, ms; negative: so much too late. */
  byMs: number;
  /** When it is expected to be done, Unix ms. */
  finishAt: number;
  /** For a person. */
  sentence: string;
}

/**
 * The batch's end by the plan; without one by the fluid bound that all that is due before it (earliest deadline first)
 * is done first, at full rate. It says so; it refuses nothing.
 */
export function deadlineVerdict(facts: DeadlineFacts): DeadlineVerdict {
  const finishAt = facts.plannedFinishAt ?? facts.now + aheadMs(facts) + ownMs(facts);
  const byMs = facts.deadlineAt - finishAt;
  return { meets: byMs >= 0, byMs, finishAt, sentence: sentenceOf(facts, byMs) };
}

const ownMs = ({ demands }: DeadlineFacts): number =>
  demands.reduce((sum, { workMs }) => sum + workMs, 0);

const aheadMs = ({ waiting, deadlineAt }: DeadlineFacts): number =>
  waiting.reduce((sum, { dueAt, workMs }) => sum + (dueAt <= deadlineAt ? workMs : 0), 0);

function sentenceOf(facts: DeadlineFacts, byMs: number): string {
  const { now, deadlineAt, plannedFinishAt } = facts;
  if (byMs >= 0) return `Expected to be done ${inWords(byMs)} before its deadline.`;
  const ends =
    deadlineAt > now
      ? `its deadline in ${inWords(deadlineAt - now)}`
      : 'its deadline, which is past';
  const ahead = plannedFinishAt === null ? aheadMs(facts) : 0;
  const before = ahead > 0 ? ` behind ${inWords(ahead)} of work that is due earlier` : '';
  const most = facts.demands.reduce<Demand | null>(
    (top, one) => (top === null || one.workMs > top.workMs ? one : top),
    null,
  );
  const longest = most === null ? '' : `; most of it is for ${most.name}`;
  const own = `${inWords(ownMs(facts))} of work at full rate${before}${longest}`;
  return `Cannot be done by ${ends}: expected ${inWords(-byMs)} late (${own}). What is not done by then expires.`;
}

/** `40 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. */
function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return withRest(`${hours} h`, minutes % 60, 'min');
  return withRest(`${Math.floor(hours / 24)} d`, hours % 24, 'h');
}

const withRest = (whole: string, rest: number, unit: string): string =>
  rest === 0 ? whole : `${whole} ${rest} ${unit}`;

/**
 * How much of the time left a batch needs: above 1 it will be late at its tenant's fair share.
 * `remainingMs`: drain time of what is left of it at that share.
 */
export function urgencyOf(
  { remainingMs, deadlineAt }: { remainingMs: number; deadlineAt: number },
  now: number,
): number {
  if (remainingMs <= 0) return 0;
  return deadlineAt > now ? remainingMs / (deadlineAt - now) : Infinity;
}

/** Urgent above 1, and until it is down to 0.9: so that it does not come and go with every estimate. */
export const isUrgent = (urgency: number, wasUrgent: boolean): boolean =>
  urgency > (wasUrgent ? 0.9 : 1);
