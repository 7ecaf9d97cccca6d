/** A batch that its owner cancels, pauses or resumes. */
import { moveBatch, readBatch } from '@sluice/ledger';
import type { BatchMove, BatchStatus } from '@sluice/ledger';
import type { Api } from './api.ts';
import { refuse } from './errors.ts';
import { noSuch } from './find-job.ts';
import type { Reply } from './http/message.ts';
import { ok } from './http/message.ts';
import { showBatch } from './show-batch.ts';

/** Where it can be steered. */
export const OPEN: BatchStatus[] = ['validating', 'in_progress'];

export async function move(api: Api, id: string, to: BatchMove): Promise<'moved' | 'refused'> {
  const moved = await moveBatch(api.ledger, id, to);
  return moved.kind === 'missing' ? noSuch('batch', id) : moved.kind;
}

/** The batch as it is now; 409 when it was not moved and is not where the caller wanted it anyway. */
export async function shown(
  api: Api,
  id: string,
  { moved, fine, allowed }: { moved: string; fine: readonly BatchStatus[]; allowed: BatchStatus[] },
): Promise<Reply> {
  const batch = (await readBatch(api.ledger, id)) ?? noSuch('batch', id);
  if (moved === 'refused' && !fine.includes(batch.status)) {
    refuse('wrong_state', { values: { id, found: batch.status, allowed: allowed.join(', ') } });
  }
  return ok(await showBatch(api, batch));
}
