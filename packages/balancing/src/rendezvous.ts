/**
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in Schindelhauer and Schomaker 2005): everybody
 * draws a number from the key and his own name, the best draw has the key. Who leaves gives his keys to the others in
 * proportion to their weights; nobody else's move.
 */

/** 32 bits of a text: FNV-1a over its UTF-16 units, then mixed. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** murmur3's finaliser: every bit of the input turns about half of the output's. */
export function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The draw of `name` (hashed) for `key` (hashed): the highest has it, with a chance in proportion to its weight. Below 0. */
export const drawOf = (key: number, name: number, weight: number): number =>
  Math.log((mix(key ^ Math.imul(name, 0x9e3779b1)) + 0.5) / 4_294_967_296) / weight;
