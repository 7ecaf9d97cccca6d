/** Errors of the table: thrown by handlers, answered by the HTTP edge in OpenAI's envelope. */
import { ERRORS } from './error-table.ts';
import type { ErrorEntry } from './error-table.ts';

export type ErrorCode = keyof typeof ERRORS;

/** What a client sees of an error: OpenAI's envelope. */
export interface Envelope {
  error: { message: string; type: string; param: string | null; code: string | null };
}

/** An error of the table with its blanks filled in. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(fillIn(ERRORS[code].message, details.values ?? {}), { cause: details.cause });
    this.name = 'ApiError';
    this.code = code;
    this.param = details.param ?? null;
    this.headers = { ...retryHeaders(ERRORS[code]), ...details.headers };
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

export interface ErrorDetails {
  param?: string;
  values?: Record<string, string | number>;
  headers?: Record<string, string>;
  /** What a client is not told. */
  cause?: unknown;
}

/** Throws an error of the table. */
export function refuse(code: ErrorCode, details: ErrorDetails = {}): never {
  throw new ApiError(code, details);
}

export const envelope = (error: ApiError): Envelope => ({
  error: {
    message: error.message,
    type: ERRORS[error.code].type,
    param: error.param,
    code: error.code,
  },
});

const fillIn = (template: string, values: Record<string, string | number>): string =>
  template.replaceAll(/\{(\w+)(\??)\}/g, (_, name: string, optional: string) =>
    String(values[name] ?? (optional ? '' : `{${name}}`)),
  );

function retryHeaders({ retry }: ErrorEntry): Record<string, string> {
  if (retry === undefined) return {};
  return retry === 'never' ? { 'x-should-retry': 'false' } : { 'retry-after': String(retry) };
}

const LONGEST_SHOWN = 80;

/** A value as an error message shows it: shortened; objects and lists only by their kind. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
