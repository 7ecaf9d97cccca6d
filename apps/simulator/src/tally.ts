/**
 * The provider's own count of what it served: the truth that tests check against. At any moment
 * calls = ok + limited + Σ failed + aborted + dropped + open.
 */

export interface Tally {
  calls: number;
  /** Answered with 200, to the last byte as far as the simulator knows. */
  ok: number;
  /** 429 for a limit. */
  limited: number;
  /** Every other failure, by status; 429 here is an exhausted quota. */
  failed: Record<string, number>;
  /** Given up by the client before the answer. */
  aborted: number;
  /** Connections closed by an outage or a cut. */
  dropped: number;
  /** Calls taken in and not ended, hung ones among them. */
  open: number;
  /** Calls that hold a place in flight: admitted and not ended. */
  in_flight: number;
  max_in_flight: number;
  /** As `usage` of the answers says. */
  tokens_in: number;
  tokens_out: number;
  /** Charged for calls whose answer never arrived: aborted, cut. */
  lost_tokens_in: number;
  lost_tokens_out: number;
  /** Since the start or the last reset, by the simulator's clock. */
  first_call_ms: number | null;
  /** When the last 200 was sent. */
  last_answer_ms: number | null;
}

export function emptyTally(): Tally {
  return {
    calls: 0,
    ok: 0,
    limited: 0,
    failed: {},
    aborted: 0,
    dropped: 0,
    open: 0,
    in_flight: 0,
    max_in_flight: 0,
    tokens_in: 0,
    tokens_out: 0,
    lost_tokens_in: 0,
    lost_tokens_out: 0,
    first_call_ms: null,
    last_answer_ms: null,
  };
}

/** Zero again, in place; calls of before a reset no longer count anywhere. */
export function clearTally(tally: Tally): void {
  Object.assign(tally, emptyTally());
}

export function tallyCall(tally: Tally, atMs: number): void {
  tally.calls += 1;
  tally.open += 1;
  tally.first_call_ms ??= atMs;
}

export function tallyAdmitted(tally: Tally): void {
  tally.in_flight += 1;
  if (tally.in_flight > tally.max_in_flight) tally.max_in_flight = tally.in_flight;
}

/** How a call ended. */
export type Ending =
  | { kind: 'ok' | 'aborted' | 'dropped'; tokensIn: number; tokensOut: number }
  | { kind: 'limited' }
  | { kind: 'failed'; status: number };

export function tallyEnd(
  tally: Tally,
  ending: Ending,
  { admitted, atMs }: { admitted: boolean; atMs: number },
): void {
  tally.open -= 1;
  if (admitted) tally.in_flight -= 1;
  switch (ending.kind) {
    case 'ok':
      tally.ok += 1;
      tally.tokens_in += ending.tokensIn;
      tally.tokens_out += ending.tokensOut;
      tally.last_answer_ms = atMs;
      return;
    case 'limited':
      tally.limited += 1;
      return;
    case 'failed':
      tally.failed[ending.status] = (tally.failed[ending.status] ?? 0) + 1;
      return;
    case 'aborted':
    case 'dropped':
      tally[ending.kind] += 1;
      tally.lost_tokens_in += ending.tokensIn;
      tally.lost_tokens_out += ending.tokensOut;
  }
}
