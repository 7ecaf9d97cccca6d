/** Which errors mean that Redis or the file store is away or full, rather than that we made a mistake. */
import { ApiError } from '../errors.ts';

const AWAY =
  /max retries per request|Command timed out|Connection is closed|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|Stream isn't writeable|Too many Cluster redirections|None of startup nodes|^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|BUSY)\b/;
const FULL = /^OOM\b|ENOSPC|EDQUOT/;

/** The error to answer with, or null when it is none of these. `creates`: the request makes something. */
export function storeError(error: unknown, creates: boolean): ApiError | null {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  if (code === 'STORE_AWAY') return new ApiError('files_unavailable');
  if (FULL.test(message) || FULL.test(code)) return new ApiError('store_full');
  if (!AWAY.test(message) && !AWAY.test(code)) return null;
  return new ApiError(creates ? 'fate_unknown' : 'ledger_unavailable');
}
