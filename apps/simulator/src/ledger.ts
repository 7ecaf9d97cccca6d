/** Every call one by one, kept when asked for, without prompts: tests count calls per question with it. */

export interface LedgerEntry {
  /** Since the start or the last reset. */
  at_ms: number;
  /** null while the call is open. */
  ended_ms: number | null;
  account: string;
  /** The call's `user-agent`; null where it had none. */
  caller: string | null;
  model: string | null;
  endpoint: string;
  /** HTTP status; null while open, and where none was sent. */
  status: number | null;
  /** `ok | limited | failed | aborted | dropped`; null while open. */
  end: string | null;
  tokens_in: number;
  tokens_out: number;
  /** `requestKey()` of the body; null when it could not be read. */
  key: string | null;
  /** The body's own `metadata`. */
  metadata: unknown;
}

/** One line of JSON per call, in order of arrival. */
export function ledgerLines(entries: readonly LedgerEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}
