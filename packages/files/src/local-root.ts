/**
 * The folder that a local store lies in. It may go away while a process runs (a share that is unmounted, a folder that is moved) and
 * come back; what is written meanwhile to one of the same path would be missing then. So it is never made again, and a store that
 * others know is told by its mark: a folder without it, such as an empty mount point, or with another is not the store.
 */
import { type FileHandle, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureBelow, ensureFolder, isMissing } from './disk.ts';
import { orTrouble } from './disk-trouble.ts';
import { FileMissing, StoreAway } from './store.ts';

/** The name of the file that holds a store's mark. */
export const MARK_NAME = 'store-id';

const NOT_THERE = 'its folder is not there: it is not mounted, or was removed';
const ANOTHER = 'another folder lies in the place of its own';

export class LocalRoot {
  readonly path: string;
  readonly #marked: boolean;
  /** As it was found first: it stays as long as this process does. */
  #mark: string | null = null;
  #made: Promise<void> | null = null;

  /** `marked`: only with a mark is it the store; else it is made before the first file is written. */
  constructor(path: string, { marked }: { marked: boolean }) {
    this.path = path;
    this.#marked = marked;
  }

  /** Before something is written or removed. Rejects with {@link StoreAway} where the store does not lie there now. */
  async check(doing: string): Promise<void> {
    if (this.#marked) return this.#checkMark(doing);
    this.#made ??= ensureFolder(this.path).catch((error: unknown) => {
      this.#made = null;
      throw error;
    });
    await this.#made;
  }

  /** Makes a folder in it, and those between. */
  async ensure(folder: string, doing: string): Promise<void> {
    await this.check(doing);
    await ensureBelow(this.path, folder);
  }

  /** Once a file was opened for writing: whether it lies in the store, which may have gone between the check and the opening. */
  async checkHolds(file: string, handle: FileHandle): Promise<void> {
    if (!this.#marked) return;
    await this.#checkMark('write');
    const [named, opened] = [await stat(file), await handle.stat()];
    if (named.ino !== opened.ino || named.dev !== opened.dev) throw gone('write', ANOTHER);
  }

  /** The error for a file that is not there: while the store itself is away nobody knows. */
  async missing(name: string): Promise<Error> {
    if (!this.#marked) return new FileMissing(name);
    return this.#checkMark('read').then(
      () => new FileMissing(name),
      (error: Error) => error,
    );
  }

  async #checkMark(doing: string): Promise<void> {
    const mark = await orTrouble(doing, () => readMark(join(this.path, MARK_NAME)));
    if (mark === null) throw gone(doing, NOT_THERE);
    this.#mark ??= mark;
    if (mark !== this.#mark) throw gone(doing, ANOTHER);
  }
}

async function readMark(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim() || null;
  } catch (error) {
    // A folder that is a file has no mark, and who may not look in is told so.
    if (isMissing(error)) return null;
    throw error;
  }
}

const gone = (doing: string, found: string): StoreAway => new StoreAway(doing, found, true);

/** A file on its way in, or its folder, that was there before. */
export const folderGone = (error: unknown, doing: string): unknown =>
  (error as { code?: string }).code === 'ENOENT' ? gone(doing, NOT_THERE) : error;
