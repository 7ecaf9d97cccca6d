/**
 * How many tokens answers have: a decaying mean, and quantiles from a decaying histogram with logarithmic buckets, 19 %
 * wide. One such record per key (batch, tenant in a pool, pool), kept by the caller.
 */

/** Plain data, never changed in place. */
export interface Lengths {
  /** Answers it knows of, those long ago counting less. */
  known: number;
  mean: number;
  /** Answers per bucket, as long as the largest one seen. */
  buckets: readonly number[];
}

export const NEW_LENGTHS: Lengths = { known: 0, mean: 0, buckets: [] };

/** The mean follows a change within about 50 answers; the histogram remembers 1,000, for a quantile of 99.5 % needs them. */
const MEAN_LEARNING = 0.02;
const KEPT = 0.999;
const STEPS_PER_DOUBLING = 4;
const MOST_TOKENS = 1e7;

/** After an answer of so many tokens; the same where that is no number of tokens. */
export function afterAnswer(lengths: Lengths, tokens: number): Lengths {
  if (!(tokens >= 0) || tokens > MOST_TOKENS) return lengths;
  const bucket = bucketOf(tokens);
  const size = Math.max(lengths.buckets.length, bucket + 1);
  const buckets = Array.from({ length: size }, (_, i) => KEPT * (lengths.buckets[i] ?? 0));
  buckets[bucket] = (buckets[bucket] as number) + 1;
  const known = KEPT * lengths.known + 1;
  const rate = Math.max(MEAN_LEARNING, 1 / known);
  return { known, mean: lengths.mean + rate * (tokens - lengths.mean), buckets };
}

/** The length that the part `q` (0…1) of answers does not exceed, to within a bucket; 0 where nothing is known. */
export function quantileOf({ buckets }: Lengths, q: number): number {
  const all = buckets.reduce((sum, each) => sum + each, 0);
  let left = all * q;
  for (const [bucket, each] of buckets.entries()) {
    left -= each;
    if (left <= 1e-9 * all && each > 0) return topOf(bucket);
  }
  return buckets.length > 0 ? topOf(buckets.length - 1) : 0;
}

const bucketOf = (tokens: number): number =>
  tokens < 1 ? 0 : 1 + Math.floor(STEPS_PER_DOUBLING * Math.log2(tokens) + 1e-9);

/** The most tokens that a bucket holds. */
const topOf = (bucket: number): number =>
  bucket === 0 ? 0 : Math.ceil(2 ** (bucket / STEPS_PER_DOUBLING)) - 1;
