/** Which errors mean that Redis or the file store is away or full, rather than that we made a mistake. */
import { ApiError } from '../errors.ts';

const AWAY =
  /max retries per request|Command timed out|Connection is closed|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|Stream isn't writeable|Too many Cluster redirections|None of startup nodes|^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|BUSY)\b/;
const FULL = /^OOM\b|ENOSPC|EDQUOT/;

/** Redis or the file store cannot be reached; what was asked of it may have been done. */
export function isStoreAway(error: unknown): boolean {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  return code === 'STORE_AWAY' || AWAY.test(message) || AWAY.test(code);
}

/** The error to answer with, or null when it is none of these. `creates`: the request makes something, with an Idempotency-Key or without. */
export function storeError(error: unknown, creates: { keyed: boolean } | null): ApiError | null {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  if (code === 'STORE_AWAY') return new ApiError('files_unavailable');
  if (FULL.test(message) || FULL.test(code)) return new ApiError('store_full');
  if (!AWAY.test(message) && !AWAY.test(code)) return null;
  if (creates === null) return new ApiError('ledger_unavailable');
  const headers = { 'x-should-retry': String(creates.keyed) };
  return new ApiError('fate_unknown', { headers });
}
