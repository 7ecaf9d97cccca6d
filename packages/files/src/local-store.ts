/**
 * The file store in a local folder. Several processes may use the same folder at once. Files appear whole or
 * not at all; what was cut off by a crash lies in `.partial` and is swept away a day later.
 */
import { randomUUID } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ensureFolder, isMissing, readFully } from './disk.ts';
import { openAppender } from './local-appender.ts';
import { startWriting } from './local-writing.ts';
import { OpenFiles } from './open-files.ts';
import {
  type FileStore,
  FileMissing,
  type Range,
  StoreAway,
  type Writing,
  checkName,
} from './store.ts';

/** Read at once when streaming. Half a megabyte and more measured no faster and costs memory per stream. */
const CHUNK_BYTES = 128 * 1024;
/** No upload takes longer: a partial file untouched for this long belongs to a process that died. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** A store in `folder`, which is made when the first file is written. Close it to give back open files. */
export function localStore(folder: string): FileStore {
  const root = resolve(folder);
  const files = new OpenFiles();
  const pathOf = (name: string): string => join(root, checkName(name));
  const partials = partialFolder(join(root, '.partial'));

  const create: FileStore['create'] = async (name, { digest } = {}) => {
    const target = pathOf(name);
    const partial = join(await partials(), randomUUID());
    const writing = await startWriting({ partial, target, digest }).catch(folderGone(root));
    return dropOnCommit(writing, () => files.drop(target));
  };
  const read: FileStore['read'] = (name, range = {}) => streamFile(pathOf(name), name, range);

  return {
    create,
    read,
    readAt: (name, offset, length) =>
      files.use(pathOf(name), (handle) => readFully(handle, offset, length)).catch(orMissing(name)),
    size: (name) => fileSize(pathOf(name)),
    async remove(name) {
      await rm(pathOf(name), { force: true });
      await files.drop(pathOf(name));
    },
    async removeAll(below) {
      await rm(pathOf(below), { recursive: true, force: true });
      await files.drop(pathOf(below));
    },
    async concat(parts, target, options) {
      const writing = await create(target, options);
      try {
        for (const part of parts) for await (const chunk of read(part)) await writing.write(chunk);
        return await writing.commit();
      } finally {
        await writing.abort();
      }
    },
    appender: async (name) => openAppender(pathOf(name), name),
    close: () => files.closeAll(),
  };
}

/** The folder for files on their way in, made and swept once per process. */
function partialFolder(path: string): () => Promise<string> {
  let ready: Promise<string> | null = null;
  const prepare = async (): Promise<string> => {
    await ensureFolder(path);
    await sweep(path, Date.now() - ABANDONED_MS);
    return path;
  };
  return () => {
    ready ??= prepare().catch((error: unknown) => {
      ready = null;
      throw error;
    });
    return ready;
  };
}

/** Another process may sweep at the same moment: what is gone is gone. */
async function sweep(path: string, before: number): Promise<void> {
  for (const entry of await readdir(path)) {
    const file = join(path, entry);
    const found = await stat(file).catch(() => null);
    if (found !== null && found.mtimeMs < before) await rm(file, { force: true });
  }
}

/** Readers in this process must not go on reading what was replaced. */
function dropOnCommit(writing: Writing, drop: () => Promise<void>): Writing {
  return {
    write: (chunk) => writing.write(chunk),
    abort: () => writing.abort(),
    async commit() {
      const written = await writing.commit();
      await drop();
      return written;
    },
  };
}

async function* streamFile(path: string, name: string, range: Range): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r').catch(orMissing(name));
  try {
    const end = range.end ?? Infinity;
    for (let at = range.start ?? 0; at < end;) {
      const chunk = await readFully(handle, at, Math.min(CHUNK_BYTES, end - at));
      if (chunk.length === 0) return;
      at += chunk.length;
      yield chunk;
    }
  } finally {
    await handle.close();
  }
}

async function fileSize(path: string): Promise<number | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

const orMissing =
  (name: string) =>
  (error: unknown): never => {
    throw isMissing(error) ? new FileMissing(name) : error;
  };

/** It was made by this process, or found: who removed it may bring it back. */
const folderGone =
  (root: string) =>
  (error: unknown): never => {
    throw isMissing(error) ? new StoreAway('write', `the folder ${root} was removed`) : error;
  };
