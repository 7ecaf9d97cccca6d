/** By when a batch's last answer is wanted, for its lines to be recorded within its window. Pure. */

/** From a line's being placed to its being recorded, ms. */
export const TAIL_MS = 2_000;
/** Of a short window no more than this part is kept for that. */
const MOST_KEPT = 0.05;

/** ms from now; `windowMs`: what is left of the window. */
export const answeredWithin = (windowMs: number): number =>
  Math.max(0, windowMs - Math.min(TAIL_MS, MOST_KEPT * windowMs));
