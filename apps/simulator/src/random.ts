/** Chance that a seed repeats: numbers drawn from a hash instead of from a generator's hidden state. */

/** FNV-1a over UTF-16 units, beginning from `seed`. */
export function hashText(text: string, seed: number): number {
  let hash = seed ^ 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}

/** Uniform in [0, 1), a function of both arguments (murmur3's finaliser). */
export function uniform(hash: number, salt: number): number {
  let mixed = (hash ^ Math.imul(salt + 1, 0x9e3779b1)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 4_294_967_296;
}

/** Standard normal, by Box and Muller. */
export function normal(hash: number, salt: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(hash, salt)));
  return radius * Math.cos(2 * Math.PI * uniform(hash, salt + 1));
}
