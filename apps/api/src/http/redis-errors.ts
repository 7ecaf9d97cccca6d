/** Which errors mean that Redis or the file store is away or full, rather than that we made a mistake. */
import { FileMissing } from '@sluice/files';
import { ApiError } from '../errors.ts';
import type { Stake } from './stake.ts';

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

/** The error to answer with, or null when it is none of these. `stake`: what the request may have done by then. */
export function storeError(error: unknown, stake: Stake): ApiError | null {
  const { message = '', code = '' } = error as { message?: string; code?: string };
  if (code === 'STORE_AWAY') return withoutFiles(error);
  if (error instanceof FileMissing) return notShown(error);
  if (FULL.test(message) || FULL.test(code)) return new ApiError('store_full');
  return isStoreAway(error) ? lostOver(stake) : null;
}

function withoutFiles(error: unknown): ApiError {
  const { advice, found } = error as { advice?: string; found?: string | null };
  const away = found ? `cannot be reached: ${found}` : 'cannot be reached';
  const trouble = advice === undefined ? away : `refuses: ${advice}`;
  return new ApiError('files_unavailable', { values: { trouble } });
}

/** Where a handler does not expect it: the ledger knows it, and the store may show it late. */
const notShown = ({ file }: FileMissing): ApiError =>
  new ApiError('files_unavailable', {
    values: { trouble: `does not have ${file}, which was written to it` },
  });

/** Redis was lost over a request: only who read is sure that nothing was changed. */
function lostOver(stake: Stake): ApiError {
  if (stake.kind === 'reads') return new ApiError('ledger_unavailable');
  if (stake.kind === 'creates') {
    const headers = { 'x-should-retry': String(stake.repeatable) };
    return new ApiError('fate_unknown', { headers });
  }
  const { told, notTwice } = stake;
  const hint = `${told === null ? '' : ` GET ${told} tells.`} ${againOr(notTwice)}`;
  return new ApiError('change_unknown', {
    values: { hint },
    headers: { 'x-should-retry': String(notTwice === null) },
  });
}

const againOr = (notTwice: string | null): string =>
  notTwice === null ? 'To ask again is safe.' : `Look before you ask again: ${notTwice}.`;
