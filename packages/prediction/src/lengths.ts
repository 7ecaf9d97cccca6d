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
export const afterAnswer = (lengths: Lengths, tokens: number): Lengths =>
  afterAnswers(lengths, [tokens]);

/** After several answers, oldest first: as one after the other, but for one copy instead of many. */
export function afterAnswers(lengths: Lengths, answers: readonly number[]): Lengths {
  const counted = answers.filter((tokens) => tokens >= 0 && tokens <= MOST_TOKENS);
  if (counted.length === 0) return lengths;
  const size = Math.max(lengths.buckets.length, ...counted.map((tokens) => bucketOf(tokens) + 1));
  const kept = KEPT ** counted.length;
  const buckets = Array.from({ length: size }, (_, i) => kept * (lengths.buckets[i] ?? 0));
  let { known, mean } = lengths;
  for (const [i, tokens] of counted.entries()) {
    const bucket = bucketOf(tokens);
    buckets[bucket] = (buckets[bucket] as number) + KEPT ** (counted.length - 1 - i);
    known = KEPT * known + 1;
    mean += Math.max(MEAN_LEARNING, 1 / known) * (tokens - mean);
  }
  return { known, mean, buckets };
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
