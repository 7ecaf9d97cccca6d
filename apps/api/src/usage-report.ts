/** Usage as it is shown: hours put into buckets, cells into groups. Pure. Times in hours since 1970. */
import { roundUsd } from '@sluice/job';
import { addUsage, noUsage } from '@sluice/ledger';
import type { UsageCell, UsageFigures } from '@sluice/ledger';
import type { BucketWidth } from './shapes/usage-request.ts';

/** By what usage is told apart; null: not at all. */
export type GroupBy =
  | { by: 'tenant' | 'pool' | 'deployment' }
  | { by: 'metadata'; key: string }
  | null;

/** Hours `from` to `to`, exclusive. */
export interface Span {
  from: number;
  to: number;
}

const DAY = 24;

/** The buckets of a span: its first and last day may be parts of days. */
export function bucketsOf({ from, to }: Span, width: BucketWidth): Span[] {
  if (width === 'total') return [{ from, to }];
  const step = width === 'day' ? DAY : 1;
  const buckets: Span[] = [];
  for (let start = from; start < to;) {
    const end = Math.min(to, (Math.floor(start / step) + 1) * step);
    buckets.push({ from: start, to: end });
    start = end;
  }
  return buckets;
}

/** The group of values that were too many to tell apart. */
const OTHER = 'other';

/** The cells of one bucket by group. */
export class UsageSums {
  readonly #groupBy: GroupBy;
  readonly #sums = new Map<string | null, UsageFigures>();

  constructor(groupBy: GroupBy) {
    this.#groupBy = groupBy;
    // Nothing used is an answer too.
    if (groupBy === null) this.#sums.set(null, noUsage());
  }

  add(cell: UsageCell): void {
    const group = groupOf(cell, this.#groupBy);
    if (group !== undefined) addUsage(this.#sumOf(group), cell.figures);
  }

  #sumOf(group: string | null): UsageFigures {
    const sum = this.#sums.get(group) ?? noUsage();
    this.#sums.set(group, sum);
    return sum;
  }

  /** By name, jobs without one last; of metadata at most `most` values, those with the most jobs, and the rest as `other`. */
  rows(most: number): UsageRow[] {
    if (this.#groupBy?.by === 'metadata') this.#fold(most);
    return [...this.#sums]
      .toSorted(
        ([a], [b]) => Number(a === null) - Number(b === null) || ((a ?? '') < (b ?? '') ? -1 : 1),
      )
      .map(([group, figures]) => rowOf(group, figures));
  }

  #fold(most: number): void {
    const named = [...this.#sums].filter(([group]) => group !== null && group !== OTHER);
    const rest = named.toSorted(([, a], [, b]) => jobsOf(b) - jobsOf(a)).slice(most);
    for (const [group, figures] of rest) {
      this.#sums.delete(group);
      addUsage(this.#sumOf(OTHER), figures);
    }
  }
}

/** `undefined`: the cell is counted another way, or not asked for. */
function groupOf(cell: UsageCell, groupBy: GroupBy): string | null | undefined {
  if (cell.kind === 'metadata') {
    if (groupBy?.by !== 'metadata' || cell.key !== groupBy.key) return undefined;
    return cell.isRest ? OTHER : cell.value;
  }
  if (groupBy?.by === 'metadata') return undefined;
  return groupBy === null ? null : cell[groupBy.by] || null;
}

const jobsOf = ({ succeeded, failed, cancelled, expired }: UsageFigures): number =>
  succeeded + failed + cancelled + expired;

export type UsageRow = ReturnType<typeof rowOf>;

/** `cost_usd` is null where a part of it is unknown; `cost_usd_known` is the part that is known. */
const rowOf = (group: string | null, figures: UsageFigures) => ({
  object: 'usage' as const,
  group,
  jobs: jobsOf(figures),
  succeeded: figures.succeeded,
  failed: figures.failed,
  cancelled: figures.cancelled,
  expired: figures.expired,
  attempts: figures.attempts,
  failed_attempts: figures.failedAttempts,
  usage: {
    input_tokens: figures.input,
    cached_tokens: figures.cached,
    output_tokens: figures.output,
    reasoning_tokens: figures.reasoning,
  },
  cost_usd: figures.unpriced > 0 ? null : roundUsd(figures.costUsd),
  cost_usd_known: roundUsd(figures.costUsd),
  unpriced_calls: figures.unpriced,
  unanswered_calls: figures.unanswered,
});
