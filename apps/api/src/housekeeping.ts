/** Removes lapsed files and uploads, and rows of lists whose job is past its retention. Any number of processes may do it. */
import { isId } from '@sluice/job';
import { SLOT_NUMBERS, endUpload, listExpired, readFile } from '@sluice/ledger';
import type { Api } from './api.ts';
import { removeOldDead } from './dead-jobs.ts';
import { removeUnused } from './remove-file.ts';

const EVERY_MS = 60_000;
/** Looked at per slot and round. */
const AT_ONCE = 200;

type Ports = Pick<Api, 'ledger' | 'store' | 'events'>;

export interface Removed {
  files: number;
  uploads: number;
  rows: number;
}

/** One round. */
export async function keepHouse(ports: Ports, now: number): Promise<Removed> {
  const removed: Removed = { files: 0, uploads: 0, rows: 0 };
  for (const slot of SLOT_NUMBERS) {
    for (const id of await listExpired(ports.ledger, slot, { now, limit: AT_ONCE })) {
      if (isId('upload', id)) removed.uploads += await removeUpload(ports, id, now);
      else removed.files += await removeFile(ports, id);
    }
    removed.rows += await removeRows(ports, slot);
  }
  return removed;
}

async function removeUpload({ ledger, store }: Ports, id: string, now: number): Promise<number> {
  const ended = await endUpload(ledger, id, { end: { status: 'expired' }, now });
  if (ended.kind !== 'ended') return 0;
  await store.removeAll(`uploads/${id}`);
  return 1;
}

/** A batch that still reads the file keeps it. */
async function removeFile(ports: Ports, id: string): Promise<number> {
  const file = await readFile(ports.ledger, id);
  const held = await removeUnused(ports, file ?? { id, storeName: `files/${id}` });
  return held === null ? 1 : 0;
}

/** Records of jobs go by themselves; their rows in the list, oldest first, are removed here. */
async function removeRows({ ledger }: Ports, slot: number): Promise<number> {
  const list = ledger.keys.list('jobs', slot);
  const ids = await ledger.redis.zrange(list, '0', String(AT_ONCE - 1));
  const there = await Promise.all(ids.map((id) => ledger.redis.exists(ledger.keys.job(id))));
  const gone = ids.filter((_, i) => there[i] === 0);
  return gone.length === 0 ? 0 : ledger.redis.zrem(list, ...gone);
}

/** Rounds until `signal` aborts. */
export function startHousekeeping(
  ports: Ports & Pick<Api, 'queues' | 'settings'>,
  signal: AbortSignal,
): void {
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void round(ports).finally(() => (busy = false));
  }, EVERY_MS);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer));
}

async function round(ports: Ports & Pick<Api, 'queues' | 'settings'>): Promise<void> {
  try {
    await removeOldDead(ports, ports.settings.retention.deadMs);
    const removed = await keepHouse(ports, Date.now());
    if (removed.files + removed.uploads + removed.rows > 0) ports.events.housekept(removed);
  } catch (error) {
    ports.events.housekeepingFailed({ error: String(error) });
  }
}
