/** Turns Redis replies into typed values, in one place. */

/** A hash reply as a plain object; null when the key does not exist. */
export function hashOf(reply: unknown): Record<string, string> | null {
  const hash = reply as Record<string, string>;
  return Object.keys(hash).length === 0 ? null : hash;
}

/** An array reply whose first element says what happened. */
export function tagged(reply: unknown): [number, ...unknown[]] {
  const [tag, ...rest] = reply as unknown[];
  return [Number(tag), ...rest];
}

export const numberOf = (text: string | undefined, fallback = 0): number =>
  text === undefined || text === '' ? fallback : Number(text);

export const nullable = (text: string | undefined): string | null =>
  text === undefined || text === '' ? null : text;

export const nullableNumber = (text: string | undefined): number | null =>
  text === undefined || text === '' ? null : Number(text);

/** Flattens fields for HSET; null and undefined become the empty string. */
export function fieldsOf(record: Record<string, string | number | null | undefined>): string[] {
  const fields: string[] = [];
  for (const [name, value] of Object.entries(record)) {
    fields.push(name, value === null || value === undefined ? '' : String(value));
  }
  return fields;
}
