/** What JSON may say and no request can mean: numbers beyond all that a double holds, keys that are the language's own. Pure. */
import { DEEPEST_JSON } from './json-depth.ts';

export interface Unfit {
  /** Where it stands, as `body.messages[0].x`. */
  field: string;
  /** Reads on from the field. */
  says: string;
}

/** Few texts have any of it, and only those are walked through. */
const SUSPECT = /\d[eE]\+?\d|\d{300}|__proto__|constructor|\\u00/;

/** The first of it in `value`, which `text` was parsed to; null = none. Deeper than any request may be nobody looks. */
export const unfitIn = (text: string, value: unknown): Unfit | null =>
  SUSPECT.test(text) ? find(value, '', DEEPEST_JSON) : null;

function find(value: unknown, at: string, levels: number): Unfit | null {
  if (typeof value === 'number' && !Number.isFinite(value))
    return { field: shown(at), says: 'is a number beyond 1.8e308, the largest there is' };
  if (typeof value !== 'object' || value === null || levels === 0) return null;
  const rows = Array.isArray(value)
    ? value.map((item, i): [string, unknown] => [`${at}[${i}]`, item])
    : Object.entries(value).map(([key, item]): [string, unknown] => [
        at === '' ? key : `${at}.${key}`,
        item,
      ]);
  for (const [field, item] of rows) {
    if (isReserved(field)) return { field: shown(field), says: 'is no name that a parameter has' };
    const found = find(item, field, levels - 1);
    if (found !== null) return found;
  }
  return null;
}

/** `constructor` only where parameters stand: a schema or a tool's arguments may well have a field of that name. */
const isReserved = (field: string): boolean =>
  /(^|\.)__proto__$/.test(field) || /^(body\.)?constructor$/.test(field);

const LONGEST = 80;
const shown = (field: string): string =>
  field.length > LONGEST ? `${field.slice(0, LONGEST)}…` : field === '' ? 'body' : field;
