/**
 * Removes lapsed files, uploads and batches, jobs out of attempts, and rows of lists whose job is past its retention. Any
 * number of processes may do it. It looks at what is due, never at what waits.
 */
import { isId } from '@sluice/job';
import {
  SLOT_NUMBERS,
  deleteBatch,
  endUpload,
  forgetLapsed,
  forgetLoose,
  listExpired,
  listLoose,
  lookAgain,
  noteBytes,
  readBatch,
  readFile,
  readUpload,
  usersOfFile,
} from '@sluice/ledger';
import type { FileRecord } from '@sluice/ledger';
import type { Api } from './api.ts';
import { removeOldDead } from './dead-jobs.ts';
import { newId } from './idempotency.ts';
import { hasEnded } from './find-batch.ts';
import { ListWalk } from './list-walk.ts';
import { removeUnused } from './remove-file.ts';

const EVERY_MS = 60_000;
/** Looked at together, per slot. */
const AT_ONCE = 200;
/** Of one slot in one round: what is left waits for the next. */
const MOST_PER_ROUND = 10_000;
/** Until what has lapsed and is still in use is looked at again. */
const HELD_MS = 600_000;

type Ports = Pick<Api, 'ledger' | 'store' | 'events' | 'settings'>;

export interface Removed {
  files: number;
  uploads: number;
  batches: number;
  rows: number;
}

/** One round. `walk`: how far the lists of jobs were looked at in the rounds before. */
export async function keepHouse(ports: Ports, walk: ListWalk, now: number): Promise<Removed> {
  const removed: Removed = { files: 0, uploads: 0, batches: 0, rows: 0 };
  for (const slot of SLOT_NUMBERS) {
    await removeLapsed(ports, slot, { now, removed });
    await removeLoose(ports, slot, now);
    const before = now - ports.settings.retention.jobsMs;
    removed.rows += await walk.removeGone(slot, { before, most: MOST_PER_ROUND });
  }
  return removed;
}

async function removeLapsed(
  ports: Ports,
  slot: number,
  { now, removed }: { now: number; removed: Removed },
): Promise<void> {
  for (let looked = 0; looked < MOST_PER_ROUND; looked += AT_ONCE) {
    const ids = await listExpired(ports.ledger, slot, { now, limit: AT_ONCE });
    for (const id of ids)
      await surely(ports, { id, now }, async () => {
        if (isId('upload', id)) removed.uploads += await removeUpload(ports, id, now);
        else if (isId('batch', id)) removed.batches += await removeBatch(ports, id, now);
        else removed.files += await removeFile(ports, id, now);
      });
    if (ids.length < AT_ONCE) return;
  }
}

/** One that cannot be looked at holds no other up, and is looked at again later; not where nothing can be. */
async function surely(
  { ledger, events }: Ports,
  { id, now }: { id: string; now: number },
  look: () => Promise<void>,
): Promise<void> {
  try {
    await look();
  } catch (error) {
    events.housekeepingFailed({ id, error: String(error) });
    await lookAgain(ledger, id, now + HELD_MS);
  }
}

/** Parts belong to an upload only while it waits for more. */
const hasRecord = async ({ ledger }: Ports, id: string, now: number): Promise<boolean> =>
  isId('upload', id)
    ? (await readUpload(ledger, id, now))?.status === 'pending'
    : (await readFile(ledger, id)) !== null;

/** Bytes that were written for a record that was not made, or stayed behind one that went. */
async function removeLoose(ports: Ports, slot: number, now: number): Promise<void> {
  const { ledger, store, events } = ports;
  for (const id of await listLoose(ledger, slot, { now, limit: MOST_PER_ROUND })) {
    try {
      if (!(await hasRecord(ports, id, now)))
        await (isId('upload', id) ? store.removeAll(`uploads/${id}`) : store.remove(`files/${id}`));
      await forgetLoose(ledger, id);
    } catch (error) {
      events.housekeepingFailed({ id, error: String(error) });
    }
  }
}

async function removeUpload({ ledger, store }: Ports, id: string, now: number): Promise<number> {
  await noteBytes(ledger, id, now);
  const ended = await endUpload(ledger, id, { end: { status: 'expired', by: newId('req') }, now });
  if (ended.kind !== 'ended') {
    await forgetLapsed(ledger, id);
    return 0;
  }
  await store.removeAll(`uploads/${id}`);
  return 1;
}

/** The record first: nobody finds a batch whose results are half gone. */
async function removeBatch({ ledger, store }: Ports, id: string, now: number): Promise<number> {
  const batch = await readBatch(ledger, id);
  if (batch !== null && !hasEnded(batch.status)) {
    await lookAgain(ledger, id, now + HELD_MS);
    return 0;
  }
  if (batch !== null) await deleteBatch(ledger, batch);
  await store.removeAll(`batches/${id}`);
  await forgetLapsed(ledger, id);
  return 1;
}

/** A batch that still reads the file keeps it. One that was on the way to a batch is kept if that was made. */
async function removeFile(ports: Ports, id: string, now: number): Promise<number> {
  const { ledger } = ports;
  const file = await readFile(ledger, id);
  if (file !== null && !hasLapsed(file, now) && (await isOfBatch(ports, id))) {
    await lookAgain(ledger, id, file.expiresAt);
    return 0;
  }
  // Without a record it stands in no list either.
  const found = file ?? { id, tenant: '', storeName: `files/${id}` };
  const held = await removeUnused(ports, found, now);
  if (held === null) return 1;
  await lookAgain(ledger, id, now + HELD_MS);
  return 0;
}

const hasLapsed = ({ expiresAt }: FileRecord, now: number): boolean =>
  expiresAt !== null && expiresAt <= now;

async function isOfBatch({ ledger }: Ports, id: string): Promise<boolean> {
  for (const batch of await usersOfFile(ledger, id))
    if ((await readBatch(ledger, batch)) !== null) return true;
  return false;
}

type RoundPorts = Ports & Pick<Api, 'queues' | 'clock'>;

/** Rounds until `signal` aborts. */
export function startHousekeeping(ports: RoundPorts, signal: AbortSignal): void {
  const walk = new ListWalk(ports.ledger);
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void round(ports, walk).finally(() => (busy = false));
  }, EVERY_MS);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer));
}

async function round(ports: RoundPorts, walk: ListWalk): Promise<void> {
  const now = ports.clock.now();
  try {
    await removeOldDead(ports, now - ports.settings.retention.deadMs);
    const removed = await keepHouse(ports, walk, now);
    if (Object.values(removed).some((count) => count > 0)) ports.events.housekept({ ...removed });
  } catch (error) {
    ports.events.housekeepingFailed({ error: String(error) });
  }
}
