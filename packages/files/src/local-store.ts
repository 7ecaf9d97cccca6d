/**
 * The file store in a local folder. Several processes may use the same folder at once. Files appear whole or
 * not at all; what was cut off by a crash lies in `.partial` and is swept away a day later.
 */
import { randomUUID } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isMissing, readFully } from './disk.ts';
import { orTrouble, troubleOf } from './disk-trouble.ts';
import { openAppender } from './local-appender.ts';
import { folderGone, LocalRoot } from './local-root.ts';
import { startWriting } from './local-writing.ts';
import { OpenFiles } from './open-files.ts';
import { FileMissing, type FileStore, type Range, type Writing, checkName } from './store.ts';

/** Read at once when streaming. Half a megabyte and more measured no faster and costs memory per stream. */
const CHUNK_BYTES = 128 * 1024;
/** No upload takes longer: a partial file untouched for this long belongs to a process that died. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/**
 * A store in `folder`. Close it to give back open files. `marked`: it has a mark and is not there without it (see LocalRoot); else it
 * is made when the first file is written.
 */
export function localStore(folder: string, { marked = false } = {}): FileStore {
  const root = new LocalRoot(resolve(folder), { marked });
  const files = new OpenFiles();
  const pathOf = (name: string): string => join(root.path, checkName(name));
  const partials = partialFolder(root);

  const create: FileStore['create'] = async (name, { digest } = {}) => {
    const target = pathOf(name);
    const writing = await writes(async () => {
      await root.check('write');
      const partial = join(await partials.get(), randomUUID());
      return startWriting({ root, partial, target, digest });
    }).catch((error: unknown) => {
      partials.forget();
      throw error;
    });
    return dropOnCommit(writing, () => files.drop(target));
  };
  const read: FileStore['read'] = (name, range = {}) => streamFile(root, pathOf(name), name, range);
  const remove = async (path: string, recursive: boolean): Promise<void> => {
    await orTrouble('remove', async () => {
      if (marked) await root.check('remove');
      await rm(path, { recursive, force: true });
    });
    await files.drop(path);
  };

  return {
    create,
    read,
    readAt: (name, offset, length) =>
      files
        .use(pathOf(name), (handle) => readFully(handle, offset, length))
        .catch(notRead(root, name)),
    size: (name) => fileSize(root, pathOf(name), name),
    remove: async (name) => remove(pathOf(name), false),
    removeAll: async (below) => remove(pathOf(below), true),
    async concat(parts, target, options) {
      const writing = await create(target, options);
      try {
        for (const part of parts) for await (const chunk of read(part)) await writing.write(chunk);
        return await writing.commit();
      } finally {
        await writing.abort();
      }
    },
    async appender(name) {
      const path = pathOf(name);
      return writes(() => openAppender(root, path, name));
    },
    close: () => files.closeAll(),
  };
}

/** What is not there is the store's folder, or one of those that were made in it a moment ago. */
const writes = <Result>(act: () => Promise<Result>): Promise<Result> =>
  orTrouble('write', () =>
    act().catch((error: unknown) => {
      throw folderGone(error, 'write');
    }),
  );

/** The folder for files on their way in, made and swept once per process, and again where one could not be made in it. */
function partialFolder(root: LocalRoot): { get: () => Promise<string>; forget: () => void } {
  const path = join(root.path, '.partial');
  let ready: Promise<string> | null = null;
  const prepare = async (): Promise<string> => {
    await root.ensure(path, 'write');
    await sweep(path, Date.now() - ABANDONED_MS);
    return path;
  };
  return {
    get: () => (ready ??= prepare()),
    forget: () => (ready = null),
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
    write: (chunk) => orTrouble('write', () => writing.write(chunk)),
    abort: () => writing.abort(),
    async commit() {
      const written = await writes(() => writing.commit());
      await drop();
      return written;
    },
  };
}

async function* streamFile(
  root: LocalRoot,
  path: string,
  name: string,
  range: Range,
): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r').catch(notRead(root, name));
  try {
    const end = range.end ?? Infinity;
    for (let at = range.start ?? 0; at < end;) {
      const length = Math.min(CHUNK_BYTES, end - at);
      const chunk = await orTrouble('read', () => readFully(handle, at, length));
      if (chunk.length === 0) return;
      at += chunk.length;
      yield chunk;
    }
  } finally {
    await handle.close();
  }
}

async function fileSize(root: LocalRoot, path: string, name: string): Promise<number | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : null;
  } catch (error) {
    const told = await whyNotRead(root, name, error);
    if (told instanceof FileMissing) return null;
    throw told;
  }
}

const whyNotRead = async (root: LocalRoot, name: string, error: unknown): Promise<unknown> =>
  isMissing(error) ? root.missing(name) : troubleOf(error, 'read');

const notRead =
  (root: LocalRoot, name: string) =>
  async (error: unknown): Promise<never> => {
    throw await whyNotRead(root, name, error);
  };
