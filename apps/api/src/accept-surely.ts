/**
 * The write that accepts something, when Redis is lost over it: it is written again under the same id, which changes nothing where
 * it was written before. What is still unknown when the time is up is answered so that no client repeats it by itself.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connected } from '@sluice/ledger';
import type { Api } from './api.ts';
import { ApiError } from './errors.ts';
import type { ApiRequest } from './http/message.ts';
import { isStoreAway } from './http/redis-errors.ts';
import { hasKey } from './idempotency.ts';

/** Together within the two seconds after which a request is refused where Redis is away. */
const WITHIN_MS = 1_800;
const AGAIN_MS = 100;

type Asking = Pick<ApiRequest, 'headers' | 'now'>;

/**
 * `write` may be called again after it failed. Rejects with `ledger_unavailable` where nothing was written, with
 * `fate_unknown` where that is not known, else as `write` does.
 */
export async function acceptSurely<T>(
  { ledger: { redis }, clock }: Pick<Api, 'ledger' | 'clock'>,
  request: Asking,
  { id, write }: { id: string; write: () => Promise<T> },
): Promise<T> {
  const until = request.now + WITHIN_MS;
  // What is asked of a connection that is not there waits in it, and is written when nobody wants it any more.
  if (!(await connected(redis, until - clock.now()))) throw nothingDone(NOT_CONNECTED);
  for (let again = false; ; again = true) {
    try {
      return await (again ? inTime(write(), until - clock.now()) : write());
    } catch (error) {
      if (!isStoreAway(error)) throw error;
      if (clock.now() + AGAIN_MS >= until) throw fateUnknown(id, request, error);
    }
    await delay(AGAIN_MS);
    const back = await connected(redis, until - clock.now());
    if (!back) throw fateUnknown(id, request, NOT_CONNECTED);
  }
}

/** What is asked before anything is written: nothing was changed when it fails. */
export async function beforeWriting<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw isStoreAway(error) ? nothingDone(error) : error;
  }
}

const NOT_CONNECTED = new Error('Connection is closed.');

const nothingDone = (cause: unknown): ApiError => new ApiError('ledger_unavailable', { cause });

/** Who repeats it without an Idempotency-Key could buy it twice: the SDKs do so by themselves unless they are told not to. */
function fateUnknown(id: string, request: Asking, cause: unknown): ApiError {
  const hint = ` It would be ${id}: once Redis is back, a GET of it tells.`;
  return new ApiError('fate_unknown', {
    cause,
    values: { hint },
    headers: {
      'x-should-retry': String(hasKey(request)),
      ...(id.startsWith('job_') && { 'x-sluice-job-id': id }),
    },
  });
}

async function inTime<T>(asked: Promise<T>, withinMs: number): Promise<T> {
  const stop = new AbortController();
  const late = delay(Math.max(0, withinMs), undefined, { signal: stop.signal }).then(() => {
    throw new Error('Command timed out');
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
  }
}
