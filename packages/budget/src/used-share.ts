/** How busy a limit per minute is: the used share of its rate, 0…1. The level of its burst says little of that: refilled as fast as it is spent, it looks untouched. */
import { amountCounted } from './cost.ts';
import { LEARNING } from './learnt.ts';
import type { Pace } from './learnt.ts';
import type { PacedDimension } from './rules.ts';
import { rolled, sentLately } from './sent.ts';
import type { Counted, Sent } from './sent.ts';

/** The bucket of a dimension at a moment. */
interface Level {
  dimension: PacedDimension;
  pace: Pick<Pace, 'msPerUnit' | 'burstMs'>;
  /** Until it will be full again, ms. */
  aheadMs: number;
  now: number;
}

/** What was sent in about the last ten seconds, of what the pace lets pass in that time; all while a call from before is paid for. */
export function usedShare(sent: Sent | null, level: Level): number {
  const { dimension, pace, now } = level;
  const units = sentLately(rolled(sent, now), amountCounted(dimension) as Counted, now);
  const sentMs = units * pace.msPerUnit;
  return isPaidFor(sentMs, level) ? 1 : Math.min(1, sentMs / LEARNING.spanMs);
}

/** Whether a call that is dearer than the span measures is still being paid for: a request of a slow limit, or many tokens. */
function isPaidFor(sentMs: number, { pace, aheadMs }: Level): boolean {
  const { spanMs, leastSpanMs } = LEARNING;
  return pace.burstMs > spanMs ? aheadMs > 0 : aheadMs > sentMs + leastSpanMs;
}
