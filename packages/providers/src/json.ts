/** Reading JSON that others wrote: nothing is trusted to have the shape it should. */

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const asString = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

/** A count of tokens as it is said: 0 where it is left out, NaN for what is no number. */
export const asCount = (value: unknown): number =>
  typeof value === 'number' ? value : value === undefined || value === null ? 0 : Number.NaN;

/** The value, or undefined where `text` is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(withoutMark(text));
  } catch {
    return undefined;
  }
}

/**
 * The same JSON on one line, otherwise untouched (field order, number spelling). Inside valid JSON a raw line break
 * can only be white space between tokens, so replacing it loses nothing; re-serialising would round big numbers.
 */
export function onOneLine(json: string): string {
  const text = withoutMark(json);
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n][ \t\r\n]*/g, ' ').trim() : text;
}

/** Some servers begin with a byte order mark, which JSON does not allow. */
const withoutMark = (text: string): string =>
  text.charCodeAt(0) === 0xfe_ff ? text.slice(1) : text;
