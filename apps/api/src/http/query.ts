/** Reads query parameters: each once, unknown ones are mistakes, `name[key]` groups. */
import type { z } from 'zod';
import { check } from './problem.ts';

/** Parameters as a plain object without a prototype; `group` (`metadata`) is left out. */
export function readQuery<T extends z.ZodType>(
  schema: T,
  query: URLSearchParams,
  group?: string,
): z.output<T> {
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of query) {
    if (group === undefined || !isIn(group, name)) values[name] = value;
  }
  return check(schema, { ...values });
}

/** `metadata[a]=1&metadata[b]=2` → {a: '1', b: '2'}. */
export function readGroup(query: URLSearchParams, group: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [name, value] of query) {
    if (isIn(group, name)) pairs.set(name.slice(group.length + 1, -1), value);
  }
  return pairs;
}

const isIn = (group: string, name: string): boolean =>
  name.startsWith(`${group}[`) && name.endsWith(']') && name.length > group.length + 2;
