/** Runs the schema over a filled-in tree and says every mistake in our words instead of zod's. */
import type { z } from 'zod';
import { didYouMean } from './did-you-mean.ts';
import type { Mistake, Path } from './mistake.ts';
import { showFound, showPath } from './mistake.ts';
import { allowedBy, nodesAt, settingsAt } from './schema-tree.ts';
import { configFile } from './schema/file.ts';
import type { ConfigFile } from './schema/file.ts';

type Issue = z.core.$ZodIssue;

/**
 * `raw` is the tree before filling in: what is quoted as found comes from there, so that no value of a variable
 * or a secret file ever shows.
 */
export function checkSchema(
  filled: unknown,
  raw: unknown,
): { file: ConfigFile | null; mistakes: Mistake[] } {
  const parsed = configFile.safeParse(filled);
  if (parsed.success) return { file: parsed.data, mistakes: [] };
  return { file: null, mistakes: parsed.error.issues.flatMap((issue) => explain(issue, [], raw)) };
}

function explain(issue: Issue, above: Path, raw: unknown): Mistake[] {
  const path = [...above, ...issue.path] as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownSetting(key, path, raw));
  if (issue.code === 'invalid_key') return [badName(path, raw)];
  if (issue.code === 'invalid_union') {
    const meant = branchMeant(issue.errors as Issue[][]);
    if (meant) return meant.flatMap((inner) => explain(inner, path, raw));
  }
  return [mistakeAt(path, raw, allowedAt(path))];
}

/** The way of writing that the author must have meant: the only one whose outermost type fits. */
function branchMeant(errors: Issue[][]): Issue[] | null {
  const fitting = errors.filter((issues) => !issues.some(isWrongType));
  return fitting.length === 1 ? (fitting[0] as Issue[]) : null;
}

const isWrongType = (issue: Issue): boolean =>
  issue.path.length === 0 && issue.code === 'invalid_type';

const mistakeAt = (path: Path, raw: unknown, allowed: string): Mistake => ({
  path: showPath(path),
  at: path,
  found: showFound(valueAt(raw, path), path),
  allowed,
});

function allowedAt(path: Path): string {
  const nodes = nodesAt(path);
  return [...new Set(nodes.map(allowedBy))].join(', or ') || 'nothing';
}

function unknownSetting(key: string, path: Path, raw: unknown): Mistake {
  const known = settingsAt(path);
  const near = didYouMean(key, known);
  const list = known.join(', ');
  const at = [...path, key];
  return {
    path: showPath(at),
    at,
    found: `an unknown setting (${showFound(valueAt(raw, at), at)})`,
    allowed: near === null ? list : `did you mean \`${near}\`? There are: ${list}`,
  };
}

function badName(path: Path, raw: unknown): Mistake {
  const section = nodesAt(path.slice(0, -1));
  const key = String(path.at(-1));
  const allowed = section.map((node) => node.propertyNames?.allowed).find(Boolean);
  const found = `the name ${showFound(key, [])}`;
  return { ...mistakeAt(path, raw, allowed ?? 'a name'), found };
}

/** The value at a path, undefined where there is none. */
export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const part of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
