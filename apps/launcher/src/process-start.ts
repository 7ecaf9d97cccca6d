/** Which process is meant: ids are given out again, a process's start is not. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessMark {
  pid: number;
  /** When it started, as this system tells it; only good for comparing. */
  started: string;
}

/** Null = no such process, or one that has ended and is only not yet taken notice of. */
export function markOf(pid: number): ProcessMark | null {
  const started = process.platform === 'linux' ? startInProc(pid) : startByPs(pid);
  return started === null ? null : { pid, started };
}

/** Whether that very process still runs. */
export const isRunning = ({ pid, started }: ProcessMark): boolean =>
  markOf(pid)?.started === started;

/** proc(5): field 3 is the state, field 22 the start in ticks since the boot; a name may hold spaces and brackets. */
function startInProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${fields[19]}`;
  } catch {
    return null;
  }
}

/** macOS and other Unixes. */
function startByPs(pid: number): string | null {
  try {
    const columns = ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)];
    const text = execFileSync('ps', columns, {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [, state = 'Z', started = ''] = /^(\S+)\s+(.+)$/.exec(text.trim()) ?? [];
    return state.startsWith('Z') ? null : started.trim();
  } catch {
    return null;
  }
}
