/** From what zod found to one error of the table: the first mistake, with field, value found and what is allowed. */
import type { z } from 'zod';
import { ApiError, refuse, show } from '../errors.ts';

type Issue = z.core.$ZodIssue;

/** Checks `value`; throws an ApiError that names the first mistake. */
export function check<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw problemOf(result.error.issues[0] as Issue, value, schema);
}

/** A request body that must be a JSON object. */
export function checkBody<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return check(schema, body);
  return refuse('invalid_type', {
    values: { field: 'body', found: show(body), allowed: 'a JSON object' },
  });
}

/** As {@link checkBody}, of a request that may have none. */
export const checkAnyBody = <T extends z.ZodType>(schema: T, body: unknown): z.output<T> =>
  checkBody(schema, body === undefined ? {} : body);

function problemOf(issue: Issue, value: unknown, schema?: z.ZodType): ApiError {
  if (issue.code === 'unrecognized_keys') return unknownKey(issue, value, schema);
  const field = nameOf(issue.path);
  const found = valueAt(value, issue.path);
  if (found === undefined) {
    return new ApiError('missing_required_parameter', { param: field, values: { field } });
  }
  const code = issue.code === 'invalid_type' ? 'invalid_type' : 'invalid_value';
  return new ApiError(code, {
    param: field,
    values: { field, found: show(found), allowed: allowedBy(issue) },
  });
}

function unknownKey(
  issue: Issue & { code: 'unrecognized_keys' },
  value: unknown,
  schema: z.ZodType | undefined,
): ApiError {
  const field = nameOf([...issue.path, issue.keys[0] as string]);
  const names = namesIn(schema, issue.path);
  const allowed = names ? names.join(', ') || 'none' : 'see /docs';
  return new ApiError('unknown_parameter', { param: field, values: { field, allowed } });
}

/** What an object of the schema may have at this place; null where that is no object. */
function namesIn(schema: unknown, path: readonly PropertyKey[]): string[] | null {
  let at = bare(schema);
  for (const part of path) at = bare(at.shape?.[String(part)]);
  return at.shape ? Object.keys(at.shape) : null;
}

interface SchemaLike {
  shape?: Record<string, unknown>;
  unwrap?: () => unknown;
}

/** What is below `nullable` and `optional`. */
function bare(schema: unknown): SchemaLike {
  const at = (schema ?? {}) as SchemaLike;
  return !at.shape && at.unwrap ? bare(at.unwrap()) : at;
}

const nameOf = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? 'body'
    : path
        .map((part, i) =>
          typeof part === 'number' ? `[${part}]` : i === 0 ? String(part) : `.${String(part)}`,
        )
        .join('');

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[part];
  }
  return at;
}

/** Words for what would have been right. A schema's own message wins: ours are all written as "allowed". */
function allowedBy(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return withArticle(issue.expected);
    case 'invalid_value':
      return issue.values.map((one) => show(one)).join(', ');
    case 'too_big':
      return `at most ${issue.maximum}${unit(issue.origin)}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'above' : 'at least'} ${issue.minimum}${unit(issue.origin)}`;
    default:
      return issue.message;
  }
}

const UNITS: Record<string, string> = { string: ' characters', array: ' items', object: ' keys' };
const unit = (origin: string): string => UNITS[origin] ?? '';

const KINDS: Record<string, string> = {
  int: 'a whole number',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  boolean: 'true or false',
};
const withArticle = (kind: string): string => KINDS[kind] ?? `a ${kind}`;
