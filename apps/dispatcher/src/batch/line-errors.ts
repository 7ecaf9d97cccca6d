/** What can be wrong with a line of a batch, in OpenAI's codes (facts/wire-spec 1.8), and how it is said. */
import { kindOf } from '@sluice/files';

export interface LineError {
  code: string;
  /** Names the value found and what is allowed; never shows a body. */
  message: string;
  param: string | null;
}

/** As it stands in a failed batch's `errors.data`. */
export interface BatchError extends LineError {
  /** From 1, blank lines included; null when it is about the whole file. */
  line: number | null;
}

const KEPT_ERRORS = 100;
const SHOWN_CHARACTERS = 80;
const SHOWN_NAMES = 20;

/** The first errors of a file in the order of its lines, and how many there are. */
export class ErrorList {
  readonly kept: BatchError[] = [];
  total = 0;

  /** Whether a further error would only be counted. */
  get full(): boolean {
    return this.kept.length >= KEPT_ERRORS;
  }

  add(line: number | null, { code, message, param }: LineError): void {
    this.total += 1;
    if (!this.full) this.kept.push({ code, message, param, line });
  }
}

/** A value as an error shows it: JSON, cut short. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

export function quoteAll(names: readonly string[]): string {
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : '';
  return names.slice(0, SHOWN_NAMES).map(quote).join(', ') + more;
}

export const missing = (param: string): LineError => ({
  code: 'missing_required_parameter',
  message: `Missing required parameter: '${param}'.`,
  param,
});

export const invalid = (param: string | null, message: string): LineError => ({
  code: 'invalid_request',
  message,
  param,
});

export const wrongType = (param: string, expected: string, value: unknown): LineError =>
  invalid(
    param,
    `Invalid type for '${param}': expected ${expected}, but got ${kindOf(value)} instead.`,
  );

export const duplicate = (customId: string, firstLine: number): LineError => ({
  code: 'duplicate_custom_id',
  message: `The custom_id ${quote(customId)} is already used on line ${firstLine}; each must be unique in the file.`,
  param: 'custom_id',
});
