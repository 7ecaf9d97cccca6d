/** What is wrong in a config file, said so that it can be put right: where, what was found, what is allowed. */

export type Path = readonly (string | number)[];

export interface Mistake {
  /** `deployments.mini.limits.rpm`, `pools.fast.tiers[0][1]`; empty for the file as a whole. */
  path: string;
  /** The value as it stands in the file, never one that was filled in and never a secret. */
  found: string;
  allowed: string;
  /** Line in the file, from 1, where known. */
  line?: number;
  /** The path in parts. */
  at: Path;
}

/** A path as people read it. */
export function showPath(path: Path): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('');
}

/** Fields whose value is never shown, whatever is wrong with them. */
const SECRET = /^(api_keys?|secret|headers|query|params|password|token)$/;

/** The value found, short and without secrets. */
export function showFound(value: unknown, path: Path): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'nothing (an empty value)';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object')
    return `a section with ${Object.keys(value).join(', ') || 'nothing'}`;
  if (typeof value === 'number' && !Number.isFinite(value)) return showBoundless(value);
  if (typeof value !== 'string')
    return isSecret(path) ? `a ${typeof value}` : JSON.stringify(value);
  if (value === '') return 'an empty text';
  if (isSecret(path) && !/^\$\{[^}]*\}$/.test(value)) return `a text of ${value.length} characters`;
  return JSON.stringify(withoutCredentials(value.length > 80 ? `${value.slice(0, 77)}…` : value));
}

/** JSON has no word for them. */
const showBoundless = (value: number): string =>
  Number.isNaN(value)
    ? '.nan, which is no number'
    : `${value < 0 ? '-' : ''}.inf, or a number too large to be one`;

const isSecret = (path: Path): boolean =>
  path.some((part) => typeof part === 'string' && SECRET.test(part));

/** `https://user:secret@host` loses what stands before the @. */
const withoutCredentials = (text: string): string => text.replace(/\/\/[^/@\s]*@/, '//…@');

/** One line per mistake, for a terminal or a log. */
export function formatMistakes(mistakes: readonly Mistake[], source: string): string {
  const count = mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`;
  const lines = mistakes.map(({ path, line, found, allowed }) => {
    const where = line === undefined ? '' : `line ${line}: `;
    return `  ${where}${path || 'the file'}: found ${found}; allowed: ${allowed}`;
  });
  return [`${source} has ${count}:`, ...lines].join('\n');
}
