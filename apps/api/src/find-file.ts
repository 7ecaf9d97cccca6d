/** Reads a caller's file; another tenant's, and one that has lapsed, does not exist. */
import { isId } from '@sluice/job';
import { readFile } from '@sluice/ledger';
import type { FileRecord } from '@sluice/ledger';
import { beforeWriting } from './accept-surely.ts';
import type { Api } from './api.ts';
import { noSuch } from './find-job.ts';
import { maySee } from './http/message.ts';
import type { Caller } from './http/message.ts';

export async function lookForFile(
  api: Api,
  caller: Caller,
  { id, now }: { id: string; now: number },
): Promise<FileRecord | null> {
  const file = isId('file', id) ? await readFile(api.ledger, id) : null;
  const there =
    file !== null &&
    maySee(caller, file.tenant) &&
    (file.expiresAt === null || file.expiresAt > now);
  return there ? file : null;
}

/** Throws 404 when there is none. */
export const findFile = async (
  api: Api,
  caller: Caller,
  wanted: { id: string; now: number },
): Promise<FileRecord> =>
  (await beforeWriting(lookForFile(api, caller, wanted))) ?? noSuch('File', wanted.id);
