/**
 * The job that tries a failed one again, and the batch that tries what is left of one. Their ids follow from those that failed, so
 * that they are made once, whoever asks and how often.
 */
import { createHash } from 'node:crypto';
import { makeSiblingId } from '@sluice/job';
import { readBatch, readJobHead } from '@sluice/ledger';
import type { JobHead, StoredBatch } from '@sluice/ledger';
import type { Api } from './api.ts';

/** Without an answer and not to be retried itself: that one counts as none. */
const CAME_TO_NOTHING: readonly string[] = ['cancelled', 'expired'];

/** `old`: a job's id or a batch line's. `job` null: it is not made yet. */
export async function nextRetry(
  { ledger }: Pick<Api, 'ledger'>,
  old: string,
): Promise<{ id: string; job: JobHead | null }> {
  const next = (id: string) => readJobHead(ledger, id);
  const { id, found } = await firstInForce('job', old, next, (job) =>
    CAME_TO_NOTHING.includes(job.status),
  );
  return { id, job: found };
}

/** `batch` null: it is not made yet. One that failed before its first line counts as none. */
export async function nextBatchRetry(
  { ledger }: Pick<Api, 'ledger'>,
  old: string,
): Promise<{ id: string; batch: StoredBatch | null }> {
  const next = (id: string) => readBatch(ledger, id);
  const { id, found } = await firstInForce(
    'batch',
    old,
    next,
    (batch) => batch.status === 'failed',
  );
  return { id, batch: found };
}

/** Of the retries by their order the first that counts, or that is not made yet (`found` null). */
async function firstInForce<Kept>(
  kind: 'job' | 'batch',
  old: string,
  read: (id: string) => Promise<Kept | null>,
  countsAsNone: (kept: Kept) => boolean,
): Promise<{ id: string; found: Kept | null }> {
  for (let round = 1; ; round++) {
    const bytes = createHash('sha256').update(`retry ${round} of ${old}`).digest();
    const id = makeSiblingId(kind, old, bytes);
    const found = await read(id);
    if (found === null || !countsAsNone(found)) return { id, found };
  }
}
