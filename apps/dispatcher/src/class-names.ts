/**
 * What classes are called in the problem, and so which lines are one class: those of one pool, wire formats, size and last
 * tier, whatever batch they belong to but one that its ceiling holds, and whatever tenant but one with limits of its own. Pure.
 */
import type { Draining, DrainingClass } from './draining.ts';

/** What ids of the classes of placed work begin with. */
export const PLACED = 'placed on ';

/** More classes take longer than the loop can spare. */
const MOST_CLASSES = 60;

type Named = Pick<Draining, 'id' | 'tenant' | 'maxTier' | 'expiresAt' | 'classes'>;

export interface Naming {
  names: Map<DrainingClass, string>;
  /** Tenants, and batches, whose lines are classes of their own. */
  apart: ReadonlySet<string>;
}

/**
 * Distinct deadlines make classes of their own as long as there are few enough, and so do `limited` tenants and batches, those in
 * front rather than the others. A deadline after `horizonAt` is left out.
 */
export function namesOf(
  batches: readonly Named[],
  { horizonAt, limited }: { horizonAt: number; limited: readonly string[] },
): Naming {
  for (const dueBefore of [horizonAt, -Infinity])
    for (let count = limited.length; ; count = Math.floor(count / 2)) {
      const apart = new Set(limited.slice(0, count));
      const names = namesBy(batches, { dueBefore, apart });
      const few = new Set(names.values()).size <= MOST_CLASSES;
      if (few || (count === 0 && dueBefore === -Infinity)) return { names, apart };
      if (count === 0) break;
    }
  return { names: new Map(), apart: new Set() };
}

const namesBy = (
  batches: readonly Named[],
  { dueBefore, apart }: { dueBefore: number; apart: ReadonlySet<string> },
): Naming['names'] =>
  new Map(
    batches.flatMap(({ id, maxTier, expiresAt, tenant, classes }) => {
      const tier = maxTier === null ? '' : ` tier ${maxTier}`;
      const due = expiresAt < dueBefore ? ` by ${expiresAt}` : '';
      const whose = `${apart.has(tenant) ? ` of ${tenant}` : ''}${apart.has(id) ? ` in ${id}` : ''}`;
      return classes.map((one) => {
        const { pool, formats, shape } = one.of;
        return [one, `${pool} ${formats} ${shape}${tier}${due}${whose}`] as const;
      });
    }),
  );

/** The pool of a class by its name in the problem. */
export const poolOfClass = (name: string): string => name.slice(0, name.indexOf(' '));
