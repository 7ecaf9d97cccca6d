/** A process that stands still: SIGSTOP comes later than `kill` returns, and to one thread after the other. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { until } from './until.ts';

/** Whether the operating system says that none of its threads runs. */
export function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((thread) =>
    / T /u.test(readFileSync(`${tasks}/${thread}/stat`, 'utf8').replace(/\(.*\)/u, '')),
  );
}

/** Stops it; what is asked of it from then on gets no answer before SIGCONT. Where there is no /proc it can only be hoped. */
export async function standStill(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  if (existsSync('/proc/self/task')) await until('it to stand still', () => isStopped(pid));
}
