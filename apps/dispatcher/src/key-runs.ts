/**
 * Which of a class's next lines travel together where lines go by their keys: those of one key, as far as they stand together
 * (batch/key-groups brings them there), or else lines of any keys, which then go by none. Pure.
 */
import type { IndexRecord } from '@sluice/files';

export interface Run {
  /** How many of the next lines, at least 1. */
  lines: number;
  /** Of them all; null = they go by none. */
  key: number | null;
}

/**
 * Fewer of a key do not travel by themselves. They begin together, so hardly one of them would find the other's prompt in a
 * cache, and an entry on a queue for every two or three lines costs more than it brings.
 */
const LEAST_LINES = 8;

interface About {
  from: number;
  /** The key by which the lines before them went; null = none, or nobody knows. */
  before: number | null;
  /** Lines that one entry on a queue holds. */
  most: number;
}

/** The run at `from` of what is known of the class's lines. */
export function nextRun(ahead: readonly IndexRecord[], { from, before, most }: About): Run {
  const key = keyAt(ahead, from);
  const lines = sameKey(ahead, from, Math.max(most, LEAST_LINES));
  // The rest of a long run goes where that went.
  if (key !== null && (lines >= LEAST_LINES || key === before))
    return { lines: Math.min(lines, most), key };
  let to = from + lines;
  while (to < ahead.length && to - from < most) {
    const next = sameKey(ahead, to, LEAST_LINES);
    if (keyAt(ahead, to) !== null && next >= LEAST_LINES) break;
    to += next;
  }
  return { lines: Math.min(to - from, most), key: null };
}

const keyAt = (ahead: readonly IndexRecord[], at: number): number | null => ahead[at]?.key ?? null;

/** How many lines from there on have the key of the first, at most `most`. */
function sameKey(ahead: readonly IndexRecord[], from: number, most: number): number {
  const key = keyAt(ahead, from);
  let to = from + 1;
  while (to < ahead.length && to - from < most && keyAt(ahead, to) === key) to += 1;
  return to - from;
}
