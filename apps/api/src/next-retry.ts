/** The job that tries a failed one again. Its id follows from the failed one's, so that it is made once, whoever asks and how often. */
import { createHash } from 'node:crypto';
import { makeSiblingId } from '@sluice/job';
import { readJobHead } from '@sluice/ledger';
import type { JobHead } from '@sluice/ledger';
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
