/** Entries of the deployments' queues: what an entry is, which go first, and when one that was placed is looked after. */
import type { Queue } from 'bullmq';
import { BAND } from '@sluice/job';
import type { Priority } from '@sluice/job';
import { entryJobId } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';

export type Band = 1 | 2 | 3;
export type RunQueues = (deployment: string) => Queue<EntryData>;

/** When the sweeper looks after something that was placed. */
export const CHECK_PLACED_MS = 15_000;

export const bandOf = (priority: string): Band => BAND[priority as Priority] ?? 3;

/** For a job or chunk that was placed in this epoch. */
export function entryOf({
  id,
  epoch,
  priority,
}: Pick<EntryData, 'id' | 'epoch'> & { priority: string }) {
  const data = { id, epoch };
  return { name: 'run', data, opts: { jobId: entryJobId(data), priority: bandOf(priority) } };
}
