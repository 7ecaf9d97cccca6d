/** What a request may have done when Redis was lost over it, by its route. */
import { ROUTES } from '../routes.ts';
import type { Route } from '../routes.ts';

export type Stake =
  | { kind: 'reads' }
  /** `repeatable`: its client may ask again without knowing whether it was made. */
  | { kind: 'creates'; repeatable: boolean }
  /** `told`: the path whose GET tells whether it was done. `notTwice`: why it is not to be done again unseen. */
  | { kind: 'changes'; told: string | null; notTwice: string | null };

export const READS: Stake = { kind: 'reads' };

/** Changes what is there, and makes nothing. */
export const changes = ({ method, creates }: Pick<Route, 'method' | 'creates'>): boolean =>
  method !== 'get' && creates !== true;

export function stakeAt(
  route: Pick<Route, 'method' | 'path' | 'creates' | 'free' | 'keyed' | 'notTwice'>,
  { path, hasKey }: { path: string; hasKey: boolean },
): Stake {
  if (route.creates) return { kind: 'creates', repeatable: route.free === true || hasKey };
  if (!changes(route)) return READS;
  const isOnce = route.keyed === true && hasKey;
  const notTwice = isOnce ? null : (route.notTwice ?? null);
  return { kind: 'changes', told: tellingPath(route.path, path), notTwice };
}

/** What is changed can be read at its own path, or in the list that it is in. */
function tellingPath(pattern: string, path: string): string | null {
  const names = pattern.split('/');
  for (let length = names.length; length > 2; length--) {
    const wanted = names.slice(0, length).join('/');
    const there = ROUTES.some((one) => one.method === 'get' && one.path === wanted);
    if (there) return path.split('/').slice(0, length).join('/');
  }
  return null;
}
