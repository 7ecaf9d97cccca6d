/** What the processes of a system have used so far, as Linux counts it (/proc). */
import { readFileSync } from 'node:fs';
import type { System } from '@sluice/testing';

export interface Used {
  name: string;
  /** Most memory that was ever resident, bytes. Shared pages of the program itself are in it. */
  peakBytes: number;
  /** Seconds of CPU. */
  cpu: number;
}

/** Every process of the system, Redis among them. */
export function processesOf(system: System): Used[] {
  const roles = ['api', 'dispatcher', 'worker', 'simulator'] as const;
  const names = roles.flatMap((role) => system.names(role));
  const all = names.map((name) => ({ name, pid: system.pid(name) }));
  return [...all, { name: 'redis', pid: system.redis.pid }].map(({ name, pid }) => ({
    name,
    peakBytes: peakBytes(pid),
    cpu: cpuSeconds(pid),
  }));
}

function peakBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** 100 ticks a second. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
