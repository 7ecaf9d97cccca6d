/**
 * The data folder: readable by this user only, and used by one launcher at a time, for two Redis servers on one
 * append-only file would ruin it.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running launcher tells `npm run demo` and single roles about itself. */
export interface Launched {
  pid: number;
  api: string;
  /** Null without the demo. */
  simulator: string | null;
}

export interface DataFolder {
  path: string;
  redis: string;
  logs: string;
}

export function openDataFolder(path: string): DataFolder {
  const folder = { path, redis: join(path, 'redis'), logs: join(path, 'logs') };
  for (const each of Object.values(folder)) mkdirSync(each, { recursive: true, mode: 0o700 });
  return folder;
}

const noteFile = (path: string): string => join(path, 'launched.json');

/** Whoever runs here now, or null. A note left by one that was killed counts for nothing. */
export function runningIn(path: string): Launched | null {
  try {
    const note = JSON.parse(readFileSync(noteFile(path), 'utf8')) as Launched;
    return note.pid !== process.pid && isAlive(note.pid) ? note : null;
  } catch {
    return null;
  }
}

export function noteLaunched(path: string, launched: Launched): void {
  writePrivate(noteFile(path), `${JSON.stringify(launched)}\n`);
}

export function forgetLaunched(path: string): void {
  rmSync(noteFile(path), { force: true });
}

/** Written whole or not at all, for this user's eyes only. */
export function writePrivate(file: string, text: string): void {
  const half = `${file}.${process.pid}`;
  writeFileSync(half, text, { mode: 0o600 });
  renameSync(half, file);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}
