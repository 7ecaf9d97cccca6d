/** Reads a caller's batch; another tenant's does not exist. */
import { isId } from '@sluice/job';
import { readBatch } from '@sluice/ledger';
import type { BatchStatus, StoredBatch } from '@sluice/ledger';
import { beforeWriting } from './accept-surely.ts';
import type { Api } from './api.ts';
import { noSuch } from './find-job.ts';
import { maySee } from './http/message.ts';
import type { Caller } from './http/message.ts';

/** Throws 404 when there is none. */
export async function findBatch(api: Api, caller: Caller, id: string): Promise<StoredBatch> {
  const batch = isId('batch', id) ? await beforeWriting(readBatch(api.ledger, id)) : null;
  return batch !== null && maySee(caller, batch.tenant) ? batch : noSuch('batch', id);
}

const ENDED: readonly BatchStatus[] = ['failed', 'completed', 'expired', 'cancelled'];

export const hasEnded = (status: BatchStatus): boolean => ENDED.includes(status);
