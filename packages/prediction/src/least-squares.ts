/**
 * Recursive least squares with exponential forgetting, bounded: coefficients stay at least 0, one sample moves them only so
 * far, and what is not excited by the data is not forgotten (else its uncertainty grows without end and the next
 * unusual sample throws it anywhere).
 */

/** Plain data: coefficients, and their covariance by rows. */
export interface Fit {
  coefficients: readonly number[];
  covariance: readonly number[];
}

/** Each sample weighs this much less than the next: about the last 200 count. */
const FORGETTING = 0.995;
/** Uncertainty of a coefficient to begin with; its square root is in units of relative error. */
const UNCERTAIN = 100;
/** Above this sum of uncertainties nothing is forgotten. */
const MOST_UNCERTAIN = 4 * UNCERTAIN;
/** A relative error counts as this at most: one absurd sample is not believed, many are. */
const FARTHEST = 3;

/** Half a second, 50 ms per thousand input tokens, 1.5 s per hundred output tokens, nothing for load: in seconds. */
const TYPICAL = [0.5, 0.05, 1.5, 0];

export const NEW_FIT: Fit = {
  coefficients: TYPICAL,
  covariance: TYPICAL.flatMap((_, i) => TYPICAL.map((__, j) => (i === j ? UNCERTAIN : 0))),
};

/** Milliseconds for these terms. */
export const valueOf = ({ coefficients }: Fit, terms: readonly number[]): number =>
  1_000 * dot(coefficients, terms);

/**
 * The fit after a sample: `value` ms were seen where about `scale` ms were expected. Errors count relative to `scale`,
 * which is above 0.
 */
export function fitTo(
  fit: Fit,
  terms: readonly number[],
  { value, scale }: { value: number; scale: number },
): Fit {
  const x = terms.map((term) => (1_000 * term) / scale);
  const spread = times(fit.covariance, x);
  const error = value / scale - dot(fit.coefficients, x);
  const bounded = Math.max(-FARTHEST, Math.min(FARTHEST, error));
  const gain = spread.map((each) => each / (FORGETTING + dot(x, spread)));
  const coefficients = fit.coefficients.map((each, i) =>
    Math.max(0, each + (gain[i] as number) * bounded),
  );
  return { coefficients, covariance: shrink(fit.covariance, gain, spread) };
}

/** Covariance after a sample, kept symmetric and bounded. */
function shrink(
  covariance: readonly number[],
  gain: readonly number[],
  spread: readonly number[],
): number[] {
  const n = gain.length;
  const at = (i: number, j: number): number =>
    (covariance[i * n + j] as number) - (gain[i] as number) * (spread[j] as number);
  const next = covariance.map((_, k) => {
    const [i, j] = [Math.floor(k / n), k % n];
    return (at(i, j) + at(j, i)) / 2;
  });
  let trace = 0;
  for (let i = 0; i < n; i += 1) trace += next[i * n + i] as number;
  return trace > MOST_UNCERTAIN * FORGETTING ? next : next.map((each) => each / FORGETTING);
}

const times = (matrix: readonly number[], vector: readonly number[]): number[] =>
  vector.map((_, i) =>
    vector.reduce((sum, each, j) => sum + (matrix[i * vector.length + j] as number) * each, 0),
  );

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, each, i) => sum + each * (b[i] as number), 0);
