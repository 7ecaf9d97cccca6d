/**
 * What a launcher that was killed has left running. Its roles notice and drain by themselves (end-with-launcher.mjs);
 * whoever launches next waits for that, because until then they write to the Redis that it is about to take over.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from './process-start.ts';
import type { ProcessMark } from './process-start.ts';

const LOOK_AGAIN_MS = 20;
/** A killed process is gone at once, unless it is not ours to kill. */
const KILL_MS = 5_000;

export interface Ending {
  /** When draining has taken long enough. */
  limit: AbortSignal;
  say: (text: string) => void;
}

/** Ends them by name; answers null, or what the user has to do about one that will not end. */
export async function endLeftovers(
  left: Readonly<Record<string, ProcessMark>>,
  { limit, say }: Ending,
): Promise<string | null> {
  const alive = Object.entries(left).filter(([, mark]) => isRunning(mark));
  if (alive.length === 0) return null;
  const names = alive.map(([name, { pid }]) => `${name} (process ${pid})`).join(', ');
  say(`The last start was killed; waiting for what it left to drain: ${names} …`);
  const marks = alive.map(([, mark]) => mark);
  for (const mark of marks) tell(mark, 'SIGTERM');
  await haveEnded(marks, limit);
  for (const mark of marks) tell(mark, 'SIGKILL');
  await haveEnded(marks, AbortSignal.timeout(KILL_MS));
  const stuck = alive.filter(([, mark]) => isRunning(mark)).map(([, { pid }]) => pid);
  return stuck.length === 0
    ? null
    : `The last start was killed, and what it left cannot be ended from here: ${names}. End it and start again: kill -9 ${stuck.join(' ')}`;
}

/** Waits until none of them runs, or `limit` aborts. */
export async function haveEnded(marks: readonly ProcessMark[], limit: AbortSignal): Promise<void> {
  while (marks.some(isRunning) && !limit.aborted) await delay(LOOK_AGAIN_MS);
}

/** Never reaches a process that has the id by now. */
export function tell(mark: ProcessMark, name: 'SIGTERM' | 'SIGKILL'): void {
  if (!isRunning(mark)) return;
  try {
    process.kill(mark.pid, name);
  } catch {
    // It has just ended, or is another user's: whoever waits for its end sees which.
  }
}
