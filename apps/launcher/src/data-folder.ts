/**
 * The data folder: readable by this user only, and used by one launcher at a time, for two Redis servers on one
 * append-only file would ruin it. Whoever launches leaves a note of itself and of every process it started.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isRunning, markOf } from './process-start.ts';
import type { ProcessMark } from './process-start.ts';

/** What a launcher tells `npm run demo`, and whoever starts after it was killed. */
export interface Launched extends ProcessMark {
  api: string;
  /** Null without the demo. */
  simulator: string | null;
  /** Everything is up. */
  ready: boolean;
  /** By role; `redis` is its own Redis. */
  children: Record<string, ProcessMark>;
}

export interface DataFolder {
  path: string;
  redis: string;
  logs: string;
}

/** Throws what the system says. */
export function openDataFolder(path: string): DataFolder {
  const folder = { path, redis: join(path, 'redis'), logs: join(path, 'logs') };
  for (const each of Object.values(folder)) makeFolder(each);
  return folder;
}

/** One by one: node's `recursive` says of a read-only mount that there is no such folder. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another that starts at the same moment made it.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

const FOUND: Readonly<Record<string, string>> = {
  EROFS: 'it is mounted read-only',
  EACCES: 'this user may not use it',
  EPERM: 'this user may not use it',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk has no room left for this user',
  ENOTDIR: 'a file lies where a folder is needed',
  EEXIST: 'a file lies where a folder is needed',
  EIO: 'its disk answers with input/output errors',
  ESTALE: 'its share is gone',
};

/** For people: why the folder cannot be used, and what to do. Throws `error` where it is none of a file system. */
export function refuseFolder(path: string, error: unknown): string {
  const { code, message, path: at } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
  const where = at === undefined || at === path ? '' : ` at ${at}`;
  const found = FOUND[code] === undefined ? message : `${FOUND[code]} (${code}${where})`;
  return `The data folder ${path} cannot be used: ${found}. Mend that, or name another folder: SLUICE_DATA_DIR=/var/lib/sluice npm start`;
}

const noteFile = (path: string): string => join(path, 'launched.json');

/** The note that lies there, of one that runs or of one that was killed. */
export function readNote(path: string): Launched | null {
  return parseNote(noteFile(path));
}

function parseNote(file: string): Launched | null {
  try {
    const note = JSON.parse(readFileSync(file, 'utf8')) as Partial<Launched>;
    const { pid, started, api } = note;
    if (typeof pid !== 'number' || typeof started !== 'string' || !api) return null;
    return { simulator: null, ready: false, children: {}, ...note, pid, started, api };
  } catch {
    return null;
  }
}

/** Whoever else runs here now, or null. */
export function runningIn(path: string): Launched | null {
  const note = readNote(path);
  return note !== null && note.pid !== process.pid && isRunning(note) ? note : null;
}

/** The note of this process, kept up to date while it launches. */
export class LaunchNote {
  readonly #path: string;
  #note: Launched;

  private constructor(path: string, note: Launched) {
    this.#path = path;
    this.#note = note;
  }

  /** Null: another one was faster. Only one of any number that start at once gets the folder. */
  static claim(path: string, api: string): LaunchNote | null {
    const mark = markOf(process.pid) ?? { pid: process.pid, started: '' };
    const note = { ...mark, api, simulator: null, ready: false, children: {} };
    const half = `${noteFile(path)}.${process.pid}`;
    writeFileSync(half, `${JSON.stringify(note)}\n`, { mode: 0o600 });
    try {
      // Two rounds: the first may have to move a note of the dead out of the way.
      for (let round = 0; round < 2; round++) {
        if (isLinked(half, noteFile(path))) return new LaunchNote(path, note);
        if (runningIn(path) !== null || !moveAway(path)) return null;
      }
      return null;
    } finally {
      rmSync(half, { force: true });
    }
  }

  /** A child was started, or started again. */
  started(name: string, pid: number): void {
    const mark = markOf(pid);
    if (mark === null) return;
    this.#write({ ...this.#note, children: { ...this.#note.children, [name]: mark } });
  }

  ready(simulator: string | null): void {
    this.#write({ ...this.#note, simulator, ready: true });
  }

  forget(): void {
    rmSync(noteFile(this.#path), { force: true });
  }

  #write(note: Launched): void {
    this.#note = note;
    writePrivate(noteFile(this.#path), `${JSON.stringify(note)}\n`);
  }
}

/** Creates `to` whole, or not at all when there is one. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes a dead one's note away; false when meanwhile a living one had put its own there, which stays. */
function moveAway(path: string): boolean {
  const aside = `${noteFile(path)}.${process.pid}.old`;
  try {
    renameSync(noteFile(path), aside);
  } catch {
    return true;
  }
  const taken = parseNote(aside);
  const alive = taken !== null && taken.pid !== process.pid && isRunning(taken);
  if (alive) isLinked(aside, noteFile(path));
  rmSync(aside, { force: true });
  return !alive;
}

/** Written whole or not at all, for this user's eyes only. */
export function writePrivate(file: string, text: string): void {
  const half = `${file}.${process.pid}`;
  writeFileSync(half, text, { mode: 0o600 });
  renameSync(half, file);
}
