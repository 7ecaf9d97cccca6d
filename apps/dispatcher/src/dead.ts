/**
 * The queue of what is out of attempts, for people to look at and replay. An entry stands there before the record says so:
 * should this process die in between, whoever records it next finds it there, and nothing that has failed is missing.
 */
import type { Queue } from 'bullmq';
import type { DispatcherEvents } from './events.ts';

export interface DeadPorts {
  deadQueue: Pick<Queue, 'addBulk' | 'remove'>;
  events: Pick<DispatcherEvents, 'failed'>;
  /** ms. */
  now: () => number;
}

export interface Dead {
  /** A job, or a line of a batch. */
  id: string;
  /** How its last attempt ended. */
  code: string;
  /** Of a job. */
  pool?: string;
}

/** Whether they are there now: what Redis does not take keeps up no recording, which makes room in it. */
export async function addDead(
  { deadQueue, events, now }: DeadPorts,
  dead: readonly Dead[],
): Promise<boolean> {
  if (dead.length === 0) return true;
  const timestamp = now();
  const entries = dead.map((data) => ({
    name: data.code,
    data,
    opts: { jobId: data.id, timestamp },
  }));
  return told(events, deadQueue.addBulk(entries));
}

/** It turned out to have ended otherwise. */
export const removeDead = (
  { deadQueue, events }: Omit<DeadPorts, 'now'>,
  id: string,
): Promise<boolean> => told(events, deadQueue.remove(id));

async function told(events: DeadPorts['events'], work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    events.failed({ what: 'queueing what is dead', error: String(error) });
    return false;
  }
}
