/**
 * What can be planned, and what in it has nothing to do with each other: classes and deployments without a deployment or
 * budget in common are problems of their own, each with a time of its own.
 */
import { limitsOf } from './limits.ts';
import type { DrainProblem, JobClass } from './problem.ts';

/** Leaves out pairs that draw on a limit of which there is nothing, and classes that are left without a pair or without jobs. */
export function placeable(problem: DrainProblem): { problem: DrainProblem; unplaced: string[] } {
  const closed = new Map<string, Set<string>>();
  const { arcs, limits } = limitsOf(problem);
  for (const { start, perMs, uses } of limits) {
    if (start > 0 || perMs > 0) continue;
    for (const { arc } of uses) {
      const { jobClass, deployment } = arcs[arc] as (typeof arcs)[number];
      closed.set(jobClass.id, (closed.get(jobClass.id) ?? new Set()).add(deployment));
    }
  }
  const busy = problem.classes
    .filter(({ jobs }) => jobs > 0)
    .map((each) => (closed.has(each.id) ? without(each, closed.get(each.id)) : each));
  return {
    problem: { ...problem, classes: busy.filter(hasPlace) },
    unplaced: busy.filter((each) => !hasPlace(each)).map(({ id }) => id),
  };
}

const hasPlace = ({ deployments }: JobClass): boolean => Object.keys(deployments).length > 0;

const without = (jobClass: JobClass, closed: ReadonlySet<string> = new Set()): JobClass => ({
  ...jobClass,
  deployments: Object.fromEntries(
    Object.entries(jobClass.deployments).filter(([id]) => !closed.has(id)),
  ),
});

/** The problem in independent parts, in the order of their first classes. Deployments that nobody may use are left out. */
export function partsOf({ classes, deployments, budgets }: DrainProblem): DrainProblem[] {
  const groups = new Groups();
  for (const { id, budgets: drawn } of deployments)
    for (const budget of drawn) groups.join(`d ${id}`, `b ${budget}`);
  for (const { id, deployments: places } of classes)
    for (const place of Object.keys(places)) groups.join(`k ${id}`, `d ${place}`);
  const parts = new Map<string, JobClass[]>();
  for (const each of classes) {
    const root = groups.of(`k ${each.id}`);
    const part = parts.get(root) ?? [];
    part.push(each);
    parts.set(root, part);
  }
  return [...parts].map(([root, members]) => ({
    classes: members,
    deployments: deployments.filter(({ id }) => groups.of(`d ${id}`) === root),
    budgets: budgets.filter(({ id }) => groups.of(`b ${id}`) === root),
  }));
}

/** Union-find over names. */
class Groups {
  readonly #parents = new Map<string, string>();

  of(name: string): string {
    let at = name;
    for (let up = this.#parents.get(at); up !== undefined; up = this.#parents.get(at)) at = up;
    if (at !== name) this.#parents.set(name, at);
    return at;
  }

  join(one: string, other: string): void {
    const [a, b] = [this.of(one), this.of(other)];
    if (a !== b) this.#parents.set(b, a);
  }
}
