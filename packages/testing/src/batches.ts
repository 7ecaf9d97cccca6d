/**
 * Batches over plain HTTP, for tests that are not about a client. A 503 is no answer yet: a busy Redis may take longer than a
 * request waits, and clients then ask again.
 */
import { randomUUID } from 'node:crypto';
import { until } from './until.ts';

/** What is read of a batch; a test names what more it looks at. */
export interface SeenBatch {
  id: string;
  status: string;
  request_counts: { total: number; completed: number; failed: number };
  output_file_id: string | null;
  error_file_id: string | null;
}

export interface BatchPost {
  /** Options of the batch, such as `completion_window=1h`. */
  query?: string | Record<string, string>;
  /** An Idempotency-Key is sent in any case. */
  headers?: Record<string, string>;
}

export interface BatchWait {
  /** What is waited for, in words. Default: the condition as it is written. */
  what?: string;
  headers?: Record<string, string>;
  /** Default: 60,000. */
  timeoutMs?: number;
  /** Default: 50. */
  everyMs?: number;
}

const PATIENCE = { timeoutMs: 60_000, everyMs: 50 };

const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled']);

/** Makes a batch of these lines (JSONL) and returns the answer: the batch, or what a dry run says. Throws when it is refused. */
export async function postBatch<Answer = SeenBatch>(
  apiUrl: string,
  lines: string,
  { query = '', headers = {} }: BatchPost = {},
): Promise<Answer> {
  const url = `${apiUrl}/v1/batches?${new URLSearchParams(query).toString()}`;
  const sent = {
    'content-type': 'application/jsonl',
    'idempotency-key': randomUUID(),
    ...headers,
  };
  const ask = () => answerTo(url, { method: 'POST', headers: sent, body: lines });
  return JSON.parse(await until('the batch to be taken', ask, PATIENCE)) as Answer;
}

/** The batch, as soon as it is as wanted. Throws at once when it ends and is not: it never will be. */
export function batchWhen<Batch extends SeenBatch = SeenBatch>(
  apiUrl: string,
  id: string,
  isWanted: (batch: Batch) => boolean,
  { what = isWanted.toString(), headers = {}, ...patience }: BatchWait = {},
): Promise<Batch> {
  const look = async (): Promise<Batch | null> => {
    const text = await answerTo(`${apiUrl}/v1/batches/${id}`, { headers });
    if (text === null) return null;
    const batch = JSON.parse(text) as Batch;
    if (isWanted(batch)) return batch;
    if (ENDED.has(batch.status)) throw new Error(`batch ${id} has ended otherwise: ${text}`);
    return null;
  };
  return until(`batch ${id}: ${what}`, look, { ...PATIENCE, ...patience });
}

/** The batch, as soon as it has ended with this status, `completed` where none is named. Throws at once when it ends with another. */
export const endOfBatch = <Batch extends SeenBatch = SeenBatch>(
  apiUrl: string,
  id: string,
  { status = 'completed', ...wait }: BatchWait & { status?: string } = {},
): Promise<Batch> =>
  batchWhen<Batch>(apiUrl, id, (batch) => batch.status === status, { what: status, ...wait });

/** The body of a good answer; null for a 503. */
async function answerTo(url: string, init: RequestInit): Promise<string | null> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (response.ok) return text;
  if (response.status === 503) return null;
  throw new Error(`${url}: ${response.status} ${text}`);
}
