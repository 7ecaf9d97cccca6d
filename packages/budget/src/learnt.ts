/**
 * What a provider teaches about a limit per minute, by its headers (`reported`) and by its 429s (`ceiling`), and the
 * pace that follows from it and from what is configured.
 *
 * After a 429 the pace falls to {@link LEARNING}.kept of what was sent and rises again as CUBIC does (AWS's adaptive
 * client; facts: known to settle near a limit and to find a higher one soon): fast towards the pace that was too
 * high, slowly past it, then faster and faster. It rises with what is sent at it, not with time, so an idle night
 * proves nothing.
 */
import type { PacerRule } from './rules.ts';

/** Figures that the scripts share. */
export const LEARNING = {
  /** What 429s taught counts for so long unless taught again, ms. */
  keptMs: 86_400_000,
  /** What headers said, ms: who sends them does so with every answer. */
  reportedMs: 3_600_000,
  /** Part of a reported limit that is used: how its window is counted is not known. */
  reportedShare: 0.95,
  /** Part of the pace that a 429 leaves. AWS keeps 0.7; a pacer without bursts needs less, measured on six windows. */
  kept: 0.9,
  /** What must be sent, ms at the learnt pace, until the pace that was too high is tried again. */
  retryMs: 30_000,
  /** A single call is at least so much of its limit, ms: there a 429 may be one call that came a moment early, */
  slowMs: 500,
  /** so where headers say the same limit as the config, so much counts as sent already: 97 % are left, not `kept`. */
  confirmedMs: 9_900,
  /** Span over which what was sent is measured, and the shortest one that says anything, ms. */
  spanMs: 10_000,
  leastSpanMs: 1_000,
  /** Calls at once to a deployment of which nothing is known; one more for each answer, so doubling with every round. */
  firstSlots: 4,
  /** So many at once without a 429: no limit on them is to be expected. */
  mostSlots: 4_096,
  /** A slow start's progress is forgotten after so long without a call, ms. */
  slotsKeptMs: 600_000,
  /** Where a 429 spoke of calls at once: so much more after each round of answers. */
  slotsStep: 0.1,
  /** The shortest pause after a 429, ms: what is booked and in flight may still be refused. */
  leastPauseMs: 250,
  /** A pause that the provider does not set, ms: doubles while no answer comes, with jitter. */
  pauseMs: 1_000,
  mostPauseMs: 15_000,
  /** Fewer calls than this, let pass before a 429 where no limit is known, say nothing of the limit: */
  tellingCalls: 5,
  /** then only the second 429 within this span teaches, ms. */
  markedMs: 60_000,
  /** The longest pause that a provider sets with one 429, ms: then one call asks again. */
  mostAskedPauseMs: 60_000,
} as const;

export interface Learnt {
  /** Limit per minute as its headers say it; 0 = they do not. */
  reported: number;
  reportedAt: number;
  /** The pace per minute that met a 429; 0 = none did. */
  ceiling: number;
  loweredAt: number;
  /** Sent since, ms at the pace of each moment. */
  spentMs: number;
}

export const NOTHING_LEARNT: Learnt = {
  reported: 0,
  reportedAt: 0,
  ceiling: 0,
  loweredAt: 0,
  spentMs: 0,
};

/** The pace of one dimension at a moment. */
export interface Pace {
  /** Requests or tokens per minute that are admitted. */
  perMinute: number;
  msPerUnit: number;
  burstMs: number;
  /** What batch may use of it beside interactive calls, and without any. */
  batchBurstMs: number;
  freeBurstMs: number;
}

/** The pace that applies now; null where no limit is known. */
export function paceOf(rule: PacerRule, learnt: Learnt, now: number): Pace | null {
  const perMinute = Math.min(knownPace(rule, learnt, now), ceilingPace(learnt, now));
  if (perMinute === Number.POSITIVE_INFINITY) return null;
  const msPerUnit = 60_000 / perMinute;
  const burstMs = Math.max(rule.burstMs, rule.dimension === 'rpm' ? msPerUnit : 0);
  const batchBurstMs = burstMs * rule.batchShare;
  return { perMinute, msPerUnit, burstMs, batchBurstMs, freeBurstMs: burstMs * rule.freeShare };
}

const knownPace = (rule: PacerRule, learnt: Learnt, now: number): number =>
  Math.min(configuredPace(rule), reportedPace(rule, learnt, now));

export const configuredPace = ({ limit, share }: PacerRule): number =>
  limit === null ? Number.POSITIVE_INFINITY : limit * share;

/** A configured limit at or below the reported one is the operator's choice and stays. */
export function reportedPace({ limit }: PacerRule, learnt: Learnt, now: number): number {
  const { reported, reportedAt } = learnt;
  const counts = reported > 0 && now - reportedAt < LEARNING.reportedMs;
  return counts && (limit === null || reported < limit)
    ? reported * LEARNING.reportedShare
    : Number.POSITIVE_INFINITY;
}

export function ceilingPace({ ceiling, loweredAt, spentMs }: Learnt, now: number): number {
  if (ceiling <= 0 || now - loweredAt >= LEARNING.keptMs) return Number.POSITIVE_INFINITY;
  const x = spentMs / LEARNING.retryMs - 1;
  return ceiling * (1 + (1 - LEARNING.kept) * x * x * x);
}

/**
 * Whether a 429 is the first in a while that contradicts what is configured or reported: it may be due to calls that
 * turned out dearer than expected, so it is only marked. The next one within 30 s of sending lowers the pace.
 */
function isFirst(learnt: Learnt, rule: PacerRule, now: number): boolean {
  const known = knownPace(rule, learnt, now);
  const marked = known * (2 - LEARNING.kept);
  return known < Number.POSITIVE_INFINITY && ceilingPace(learnt, now) >= marked;
}

/** Of a limit so low for such calls that they come one by one, and that the provider's headers confirm. */
function isSlowAndConfirmed(
  { reported, reportedAt }: Learnt,
  { rule, pace, charge, now }: Lesson,
): boolean {
  if (rule.limit === null || pace === null) return false;
  const confirmed = now - reportedAt < LEARNING.reportedMs && reported >= rule.limit;
  return confirmed && (charge * 60_000) / pace >= LEARNING.slowMs;
}

/** What is known when a 429 teaches. */
export interface Lesson {
  rule: PacerRule;
  /** The pace in force, per minute; null = no limit was known. */
  pace: number | null;
  /** What the provider let pass lately, and in how many calls. */
  sentPerMinute: number;
  calls: number;
  /** What the refused call would have charged. */
  charge: number;
  now: number;
}

/**
 * What a 429 leaves of the pace: the pace, or what was really sent if that is less, but at least half of it, for a
 * 429 in a quiet hour says little about how much would have passed.
 */
export function lowered(learnt: Learnt, lesson: Lesson): Learnt {
  const { rule, pace, sentPerMinute, charge, now } = lesson;
  if (pace === null) return found(learnt, lesson);
  if (isFirst(learnt, rule, now))
    return { ...learnt, ceiling: pace, loweredAt: now, spentMs: LEARNING.retryMs };
  const slow = isSlowAndConfirmed(learnt, lesson);
  // What was refused would have passed a moment later: of few calls one is much.
  const passed = sentPerMinute + (slow ? (charge * 60_000) / LEARNING.spanMs : 0);
  const ceiling = Math.min(pace, Math.max(passed, pace / 2));
  return { ...learnt, ceiling, loweredAt: now, spentMs: slow ? LEARNING.confirmedMs : 0 };
}

/**
 * Where no limit is known the pace is what passed, and at least what the longest pauses would let through. One 429
 * after few calls says nothing yet: it is only marked.
 */
function found(learnt: Learnt, { sentPerMinute, calls, charge, now }: Lesson): Learnt {
  const marked = now - learnt.loweredAt < LEARNING.markedMs;
  if (calls < LEARNING.tellingCalls && !marked) return { ...learnt, ceiling: 0, loweredAt: now };
  const least = (charge * 60_000) / LEARNING.mostPauseMs;
  return { ...learnt, ceiling: Math.max(1, least, sentPerMinute), loweredAt: now, spentMs: 0 };
}
