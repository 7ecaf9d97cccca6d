/**
 * The file store: uploaded files, a batch's index and recorded results. Everything large lives here, never in Redis.
 *
 * A name is `/`-separated (`files/file-…`, `batches/batch_…/index-0`). What is committed under a name stays as it is
 * until it is removed (writing it again may only write the same), so readers may keep it open or cache it.
 */

/** A piece of a segment that holds whole recorded lines: bytes `start` up to, not including, `end`. */
export interface Extent {
  /** The name to read it under. An appender decides it: a store of immutable objects makes one per append. */
  segment: string;
  start: number;
  end: number;
}

export type Digest = 'sha256' | 'md5';

export interface Written {
  bytes: number;
  /** Hex; null when none was asked for. */
  digest: string | null;
}

/** A file on its way in. Nothing is visible under its name before `commit`. */
export interface Writing {
  /** Resolves when the store has taken the chunk: await it before the next one, that is the back-pressure. */
  write(chunk: Buffer): Promise<void>;
  /** Makes it durable and visible in one step, replacing what had the name. */
  commit(): Promise<Written>;
  /** Leaves nothing behind. Harmless after `commit`, so it can stand in a `finally`. */
  abort(): Promise<void>;
}

/** Adds to a segment. One appender per name at a time: each recorder uses a name of its own. */
export interface Appender {
  /**
   * Resolves once all buffers are durable, with where they stand (contiguous, in order). Calls in flight are
   * queued and may share one sync. After a failure every further call rejects: open a new appender.
   */
  append(buffers: readonly Buffer[]): Promise<Extent>;
  /** Waits for the calls in flight. */
  close(): Promise<void>;
}

/** Bytes `start` (default 0) up to, not including, `end` (default: the end of the file). */
export interface Range {
  start?: number;
  end?: number;
}

/** All methods throw a TypeError on a malformed name: check ids that come from outside first. */
export interface FileStore {
  create(name: string, options?: { digest?: Digest }): Promise<Writing>;
  /** Streams a file; opens it on the first `next`, closes it when the loop is left. Throws {@link FileMissing}. */
  read(name: string, range?: Range): AsyncIterable<Buffer>;
  /** Up to `length` bytes from `offset`; fewer only where the file ends. Rejects with {@link FileMissing}. */
  readAt(name: string, offset: number, length: number): Promise<Buffer>;
  /** Bytes, or null when there is no such file. */
  size(name: string): Promise<number | null>;
  /** Removing what is not there is no error. */
  remove(name: string): Promise<void>;
  /** Removes everything whose name begins with `<folder>/`. */
  removeAll(folder: string): Promise<void>;
  /** Streams the parts, in order, into a new file; the parts stay. */
  concat(parts: readonly string[], target: string, options?: { digest?: Digest }): Promise<Written>;
  appender(name: string): Promise<Appender>;
  /** Gives back what the store keeps open. */
  close(): Promise<void>;
}

/** There is no file of this name. */
export class FileMissing extends Error {
  readonly file: string;

  constructor(file: string) {
    super(`no such file in the store: ${file}`);
    this.name = 'FileMissing';
    this.file = file;
  }
}

/** The store cannot be reached, or says that it cannot answer now: try again later. */
export class StoreAway extends Error {
  readonly code = 'STORE_AWAY';
  /** What was found, for who asks over the API; null where the reason is for the log alone. */
  readonly found: string | null;

  /** `told`: the reason names no place and may be told to everybody. */
  constructor(doing: string, reason: string, told = false) {
    super(`the file store cannot ${doing} now: ${reason}`);
    this.name = 'StoreAway';
    this.found = told ? reason : null;
  }
}

/** The store is there and lets nobody in with these credentials, or has no such bucket: until somebody mends that. */
export class StoreRefuses extends StoreAway {
  /** What is wrong and what to do, for people. Names no secret. */
  readonly advice: string;

  constructor(doing: string, advice: string) {
    super(doing, advice);
    this.name = 'StoreRefuses';
    this.advice = advice;
  }
}

/** No segment begins with a dot: neither `..` nor the store's own hidden folders can be named. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const LONGEST_NAME = 200;

/** Returns the name, or throws a TypeError when it is malformed or could leave the store. */
export function checkName(name: string): string {
  if (name.length <= LONGEST_NAME && NAME.test(name)) return name;
  throw new TypeError(`not a name in the file store: ${JSON.stringify(name.slice(0, 80))}`);
}
