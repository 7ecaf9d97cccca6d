/**
 * How long calls took, as counts by duration: buckets 9 % wide, so that a percentile read off them is within 5 % of the
 * exact one (the representative of a bucket is as far from its lower as from its upper end, as in DDSketch: Masson, Rim and
 * Lee 2019). Counts of several processes are merged by adding, bucket by bucket, and there are at most 177 of them.
 */

/** Calls by bucket. */
export type Durations = ReadonlyMap<number, number>;

/** ms; the part of the calls that took no longer: a half, 95 % and 99 %. */
export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

const GROWTH = 1.09;
/** What takes longer counts as this: no call may be configured to. */
const LONGEST_MS = 3_600_000;
/** What is shorter counts as this, and so does what is no duration. */
const SHORTEST_MS = 1;

/** 0 up to 1 ms, then each up to 1.09 times the one before it. */
function bucketOf(ms: number): number {
  if (!(ms > SHORTEST_MS)) return 0;
  return Math.ceil(Math.log(Math.min(ms, LONGEST_MS)) / Math.log(GROWTH));
}

/** The duration that stands for all of a bucket, to three digits. */
const durationOf = (bucket: number): number =>
  bucket === 0 ? SHORTEST_MS : Number(((2 * GROWTH ** bucket) / (1 + GROWTH)).toPrecision(3));

/** Counts calls by how long they took, ms. */
export function durationsOf(took: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const ms of took) countIn(counts, bucketOf(ms), 1);
  return counts;
}

/** Adds counts to `sum`. */
export function addDurations(sum: Map<number, number>, more: Durations): void {
  for (const [bucket, calls] of more) countIn(sum, bucket, calls);
}

const countIn = (sum: Map<number, number>, bucket: number, calls: number): void => {
  sum.set(bucket, (sum.get(bucket) ?? 0) + calls);
};

export function callsIn(durations: Durations): number {
  let calls = 0;
  for (const each of durations.values()) calls += each;
  return calls;
}

/** By nearest rank, within 5 % from 1 ms to an hour; null where nothing is counted. */
export function percentilesOf(durations: Durations): Percentiles | null {
  const calls = callsIn(durations);
  if (calls <= 0) return null;
  const sorted = [...durations].toSorted(([a], [b]) => a - b);
  const at = (part: number): number => {
    let left = Math.ceil(part * calls);
    const found = sorted.find(([, each]) => (left -= each) <= 0) ?? sorted.at(-1);
    return durationOf((found as [number, number])[0]);
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
