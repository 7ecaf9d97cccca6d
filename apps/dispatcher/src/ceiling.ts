/**
 * A batch's `max_cost_usd`. What calls under way will cost is known when they have ended: so no more lines are under way than what
 * is left pays for, each as dear as it can become where it went. Then a batch ends above its ceiling by one line at most, and by
 * what lines cost that had to be called more than once. While there is little left, the cheaper deployments get it. Pure.
 */
import type { StoredBatch } from '@sluice/ledger';
import type { Draining } from './draining.ts';
import { nothingFed, underWay } from './fed-lines.ts';
import type { FedLines, UnderWay } from './fed-lines.ts';

export interface Ceiling {
  usd: number;
  /** What its answers had cost when that was looked up, and how many lines were recorded and answered by each then. */
  spentUsd: number;
  recorded: number;
  answered: Readonly<Record<string, number>>;
  fed: FedLines;
  /** What is left pays for none of its next lines beside those under way: until it is looked up again it has no turn. */
  held: boolean;
}

type Stored = Pick<StoredBatch, 'maxCostUsd' | 'costUsd' | 'completed' | 'failed' | 'fed'> &
  Partial<Pick<StoredBatch, 'byDeployment'>>;

/** Null = it has none. */
export function ceilingOf(stored: Stored): Ceiling | null {
  const { maxCostUsd, costUsd: spentUsd, completed, failed, fed, byDeployment = {} } = stored;
  if (maxCostUsd === null) return null;
  const recorded = completed + failed;
  return {
    usd: maxCostUsd,
    spentUsd,
    recorded,
    answered: byDeployment,
    fed: nothingFed(byDeployment, Math.max(0, fed - recorded)),
    held: false,
  };
}

/** As its record says now. `fed`: lines of it that are fed as its feeder knows. */
export function ceilingAfter(
  before: Ceiling | null,
  { fed: lines, ...stored }: Stored,
): Ceiling | null {
  const now = ceilingOf({ ...stored, fed: lines });
  if (before === null || now === null) return now;
  const isOut = lines > now.recorded;
  return { ...now, fed: isOut ? before.fed : nothingFed(now.answered), held: before.held };
}

export interface Money {
  leftUsd: number;
  out: UnderWay;
  /** Nothing of it is under way: the next line may pass the ceiling. Otherwise what is left, too little for any, would never be spent. */
  isFirst: boolean;
}

/** `mostUsd`: of a line of it, wherever it goes. */
export function moneyOf(
  { usd, spentUsd, recorded, answered, fed }: Ceiling,
  { fed: lines }: Pick<Draining, 'fed'>,
  mostUsd: number,
): Money {
  const out = Math.max(0, lines - recorded);
  return {
    leftUsd: Math.max(0, usd - spentUsd),
    out: underWay(fed, { out, answered, mostUsd }),
    isFirst: out === 0,
  };
}

/** How many of the next lines so much money pays for, one after the other. `each`: at most, US dollars. */
export function linesPaid(usd: number, each: readonly number[]): number {
  let left = usd;
  let lines = 0;
  for (const most of each) {
    left -= most;
    // Sums of fractions of cents are not exact.
    if (left < -1e-12) break;
    lines += 1;
  }
  return lines;
}
