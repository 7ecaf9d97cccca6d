/** Which arm of a split a request goes to: always the same for the same key, by percentage over all keys. */
import type { Arm, Route } from './conditions.ts';

/**
 * The arms lie one after the other on a line of 100 %, and the key is a point on it. So when percentages change between
 * two arms, only the keys between the old and the new border move.
 */
export function armFor({ name, arms }: Pick<Route, 'name' | 'arms'>, key: string): Arm {
  const [only] = arms;
  if (arms.length === 1) return only as Arm;
  // Splits of different names are independent of each other.
  const salt = name ?? arms.map(({ pool }) => pool).join('|');
  const at = pointOf(`${salt}\n${key}`);
  let border = 0;
  for (const arm of arms) {
    border += arm.percent;
    if (at < border) return arm;
  }
  return arms.findLast(({ percent }) => percent > 0) as Arm;
}

/** FNV-1a with murmur3's finaliser, as 0 ≤ x < 100. */
function pointOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000) * 100;
}
