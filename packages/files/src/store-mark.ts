/**
 * The mark that tells one file store from another: a random text in a file of its own. It is copied with the rest when a store is
 * moved, and is no hidden file, so that whatever copies the store takes it along.
 */
import { MARK_NAME } from './local-root.ts';
import { openStore, whereOf } from './open-store.ts';
import type { StorePlace } from './open-store.ts';
import { FileMissing } from './store.ts';
import type { FileStore } from './store.ts';

export interface StoreMark {
  /** For people: `the folder /srv/sluice/files`. */
  where: string;
  /** Null where there is none yet. Rejects where the store is away. */
  read: () => Promise<string | null>;
  /** Replaces what is there. */
  write: (mark: string) => Promise<void>;
}

/** Of the store that an installation names; it is opened for each reading and writing. */
export function storeMark(place: StorePlace, folder: string): StoreMark {
  const using = async <Result>(use: (store: FileStore) => Promise<Result>): Promise<Result> => {
    const store = await openStore(place, { folder, patience: 'serving', unmarked: true });
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  };
  return {
    where: whereOf(place, folder),
    read: () => using(readMark),
    write: (mark) => using((store) => writeMark(store, mark)),
  };
}

async function readMark(store: FileStore): Promise<string | null> {
  const parts: Buffer[] = [];
  try {
    for await (const part of store.read(MARK_NAME)) parts.push(part);
  } catch (error) {
    if (error instanceof FileMissing) return null;
    throw error;
  }
  return Buffer.concat(parts).toString('utf8').trim() || null;
}

async function writeMark(store: FileStore, mark: string): Promise<void> {
  const writing = await store.create(MARK_NAME);
  try {
    await writing.write(Buffer.from(`${mark}\n`));
    await writing.commit();
  } finally {
    await writing.abort();
  }
}
