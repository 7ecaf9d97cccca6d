/** Taking files away: the record first, the bytes second, and never under a batch that reads them or is being made. */
import { deleteFile, noteBytes, readBatch, usersOfFile } from '@sluice/ledger';
import type { FileRecord } from '@sluice/ledger';
import type { Api } from './api.ts';
import { hasEnded } from './find-batch.ts';

type Ports = Pick<Api, 'ledger' | 'store' | 'events'>;

/** The record is gone already: bytes that stay behind cost room, nothing else. */
export async function removeBytes(
  { store, events }: Pick<Ports, 'store' | 'events'>,
  name: string,
): Promise<void> {
  await store
    .remove(name)
    .catch((error: unknown) => events.bytesLeft({ name, error: String(error) }));
}

/** The batch that keeps a file, and how it stands. */
export interface Held {
  batch: string;
  status: string;
}

/** Null: it is gone. `now`: ms. */
export async function removeUnused(
  ports: Ports,
  { id, tenant, storeName }: Pick<FileRecord, 'id' | 'tenant' | 'storeName'>,
  now: number,
): Promise<Held | null> {
  const { ledger } = ports;
  const ended: string[] = [];
  const unknown: string[] = [];
  for (const batchId of await usersOfFile(ledger, id)) {
    const batch = await readBatch(ledger, batchId);
    if (batch !== null && !hasEnded(batch.status)) return { batch: batchId, status: batch.status };
    (batch === null ? unknown : ended).push(batchId);
  }
  await noteBytes(ledger, id, now);
  const deleted = await deleteFile(ledger, { id, tenant }, { ended, unknown });
  if (deleted.kind === 'held') return { batch: deleted.by, status: 'being made' };
  // Missing it may be by this very call, whose answer was lost.
  await removeBytes(ports, storeName);
  return null;
}
