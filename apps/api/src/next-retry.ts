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
  for (let round = 1; ; round++) {
    const bytes = createHash('sha256').update(`retry ${round} of ${old}`).digest();
    const id = makeSiblingId('job', old, bytes);
    const job = await readJobHead(ledger, id);
    if (job === null || !CAME_TO_NOTHING.includes(job.status)) return { id, job };
  }
}

/** `batch` null: it is not made yet. One that failed before its first line counts as none. */
export async function nextBatchRetry(
  { ledger }: Pick<Api, 'ledger'>,
  old: string,
): Promise<{ id: string; batch: StoredBatch | null }> {
  for (let round = 1; ; round++) {
    const bytes = createHash('sha256').update(`retry ${round} of ${old}`).digest();
    const id = makeSiblingId('batch', old, bytes);
    const batch = await readBatch(ledger, id);
    if (batch?.status !== 'failed') return { id, batch };
  }
}
