/**
 * Fills `${X}`, `${X:-default}` and `${file:/path}` into the strings of a parsed file. It happens after
 * parsing, so that no value can change the file's structure. `$${` stands for a plain `${`. What is unset is a
 * mistake, not an empty string: an empty key would be found out only by the provider.
 */
import type { EnvFile } from './env-files.ts';
import type { Mistake, Path } from './mistake.ts';
import { showPath } from './mistake.ts';

export interface Surroundings {
  env: Record<string, string | undefined>;
  /** What `env` was read from beside the environment. */
  envFiles?: readonly EnvFile[];
  readFile: (path: string) => string;
}

const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** A copy of `tree` with every string filled in; mistakes are added to `mistakes` and leave the text as it was. */
export function fillIn(
  tree: unknown,
  around: Surroundings,
  mistakes: Mistake[],
  path: Path = [],
): unknown {
  if (typeof tree === 'string') return fillText(tree, { around, mistakes, path });
  if (Array.isArray(tree))
    return tree.map((item, i) => fillIn(item, around, mistakes, [...path, i]));
  if (tree === null || typeof tree !== 'object') return tree;
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [
      key,
      fillIn(value, around, mistakes, [...path, key]),
    ]),
  );
}

interface Place {
  around: Surroundings;
  mistakes: Mistake[];
  path: Path;
}

function fillText(text: string, place: Place): string {
  return text.replaceAll(/\$?\$\{([^}]*)\}/g, (whole, inside: string) => {
    if (whole.startsWith('$$')) return whole.slice(1);
    return inside.startsWith('file:')
      ? fileContent(whole, inside.slice('file:'.length), place)
      : variable(whole, inside, place);
  });
}

function variable(whole: string, inside: string, { around, mistakes, path }: Place): string {
  const match = VARIABLE.exec(inside);
  const name = match?.[1] ?? '';
  const value = around.env[name];
  if (value !== undefined && value !== '') return value;
  if (match?.[2] !== undefined) return match[2];
  const allowed = match
    ? `set ${name} in ${places(around)}, or give a default: \${${name}:-…}`
    : '${NAME}, ${NAME:-default} or ${file:/path}; write $${ for a plain ${';
  mistakes.push({
    path: showPath(path),
    at: path,
    found: match ? `${whole}, ${value === '' ? 'is empty' : 'not set'}` : whole,
    allowed,
  });
  return whole;
}

/** Where a variable may be set, and which of these files there are. */
function places({ envFiles = [] }: Surroundings): string {
  const files = envFiles.map(({ path, problem }) => (problem ? `${path} (no such file)` : path));
  return ['the environment', ...files].join(' or ');
}

function fileContent(whole: string, name: string, { around, mistakes, path }: Place): string {
  try {
    return around.readFile(name).replace(/\r?\n$/, '');
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unreadable';
    const allowed = 'a file that can be read by this process';
    mistakes.push({ path: showPath(path), at: path, found: `${whole}: ${code}`, allowed });
    return whole;
  }
}
