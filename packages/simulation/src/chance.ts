/**
 * Chance that a seed repeats. What a provider does with a call is drawn from the call itself (seed, job, attempt), so
 * that two runs with different policies meet the same luck; what the policy draws comes from a stream.
 */

/** mulberry32: uniform in [0, 1), the same numbers for the same seed everywhere. */
export function stream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Uniform in [0, 1), a function of its numbers alone (murmur3's finaliser over each in turn). */
export function drawn(...numbers: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const number of numbers) {
    hash = (hash ^ Math.imul((number >>> 0) + 1, 0x9e3779b1)) >>> 0;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash = (hash ^ (hash >>> 16)) >>> 0;
  }
  return hash / 4_294_967_296;
}

/** Standard normal (Box and Muller), a function of its numbers alone. */
export const drawnNormal = (...numbers: readonly number[]): number =>
  Math.sqrt(-2 * Math.log(1 - drawn(...numbers, 1))) * Math.cos(2 * Math.PI * drawn(...numbers, 2));
