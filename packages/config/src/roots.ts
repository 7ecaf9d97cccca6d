/**
 * Budgets that one call can charge together share a root, and with it a hash tag in Redis, so that one script
 * can admit the call against all of them or none.
 */

/** One list per deployment: the budgets a call to it draws on. Returns the root of every budget in `groups`. */
export function findRoots(
  groups: readonly (readonly string[])[],
  shared: ReadonlySet<string>,
): Map<string, string> {
  const parents = new Map<string, string>();
  const find = (id: string): string => {
    let root = id;
    while (parents.get(root) !== undefined && parents.get(root) !== root)
      root = parents.get(root) as string;
    parents.set(id, root);
    return root;
  };
  for (const group of groups) {
    for (const id of group) {
      const [a, b] = [find(group[0] as string), find(id)];
      const [first, second] = before(a, b, shared) ? [a, b] : [b, a];
      parents.set(second, first);
    }
  }
  return new Map([...parents.keys()].map((id) => [id, find(id)]));
}

/**
 * Which of two becomes the root: a shared budget before a deployment's own, so that adding a deployment to an
 * organisation does not rename the root (its buckets would start anew), then by name.
 */
function before(a: string, b: string, shared: ReadonlySet<string>): boolean {
  if (shared.has(a) !== shared.has(b)) return shared.has(a);
  return a <= b;
}
