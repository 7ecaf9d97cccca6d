/** Which errors mean that Redis or the file store is away or full, rather than that we made a mistake. */
import { ApiError } from '../errors.ts';

/** What the client says of a connection, in its own words: it gives most of its errors no code. */
const LOST =
  /max retries per request|Command timed out|Command aborted due to connection close|Connection is closed|Socket timeout\. Expecting data|Stream isn't writeable/;
const NO_NODE =
  /Too many Cluster redirections|None of startup nodes|Failed to refresh slots cache|Cluster is disconnect|Cluster isn't ready|Node is disconnected|No master node is available|All sentinels are unreachable/;
const NETWORK =
  /\b(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN)\b/;
/** Redis's own: it is there, and cannot do it now. */
const NOT_NOW =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|BUSY|NOREPLICAS|EXECABORT|UNBLOCKED)\b/;
const AWAY = [LOST, NO_NODE, NETWORK, NOT_NOW];
const FULL = /^OOM\b|ENOSPC|EDQUOT/;

/** Redis or the file store cannot be reached; what was asked of it may have been done. */
export function isStoreAway(error: unknown): boolean {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  return code === 'STORE_AWAY' || AWAY.some((one) => one.test(message) || one.test(code));
}

/** The error to answer with, or null when it is none of these. `creates`: the request makes something; `repeatable`: its client may ask again without knowing whether it did. */
export function storeError(
  error: unknown,
  creates: { repeatable: boolean } | null,
): ApiError | null {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  if (code === 'STORE_AWAY') return new ApiError('files_unavailable');
  if (FULL.test(message) || FULL.test(code)) return new ApiError('store_full');
  if (!isStoreAway(error)) return null;
  if (creates === null) return new ApiError('ledger_unavailable');
  const headers = { 'x-should-retry': String(creates.repeatable) };
  return new ApiError('fate_unknown', { headers });
}
