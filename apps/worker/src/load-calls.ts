/**
 * From a claimed entry to the calls it asks for: bodies from the record (jobs) or from the batch's file (lines). What a file
 * store that is away would tell is asked for later, also where it says that there is no such file, for some minutes; a line that the
 * file does not have any more is told apart from the others.
 */
import { FileMissing } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import type { Endpoint, Shape } from '@sluice/job';
import { forgetUnread, isGone, noteUnread } from '@sluice/ledger';
import type { ClaimedChunk, ClaimedJob, Ledger, LineRef } from '@sluice/ledger';

/** One call to make. */
export interface Call {
  /** `job_…` or `batch_….<line>`. */
  ref: string;
  place: number;
  line: number;
  customId: string | null;
  endpoint: Endpoint;
  body: Record<string, unknown>;
  shape: Shape;
  band: 'interactive' | 'batch';
  tier: number;
  pool: string;
  /** The arm or region it should have been, or AS_WANTED; '' = its pool compares none. */
  arm: string;
  /** Output tokens expected of its answer, as its placement knew it; null = nobody knows. */
  expects: number | null;
  /** Attempts made before, as JSON objects separated by commas. */
  attempts: string;
  tries: number;
  /** When the job began to wait for this attempt, ms. */
  since: number;
  /** The call begins before this or not at all, ms. */
  deadlineAt: number;
}

/** What is the same for all lines of a batch. */
interface BatchInput {
  endpoint: Endpoint;
  storeName: string;
}

/** A line of the batch's file. */
interface LineInput {
  custom_id: string;
  body: Record<string, unknown>;
}

/** A call that cannot be made: it has neither body nor custom_id. */
export interface Broken {
  call: Call;
  why: string;
}

export type Loaded =
  | { kind: 'loaded'; calls: Call[]; broken: Broken[] }
  /** The batch is gone. */
  | { kind: 'gone' }
  /** The file cannot be read: `calls` of them, to be tried again after so long. */
  | { kind: 'away'; calls: number; forMs: number; error: string };

type Away = Extract<Loaded, { kind: 'away' }>;

const REMEMBERED_BATCHES = 256;
/** A file that ends too early is read so often: what is committed stays as it is. */
const READS_OF_SHORT = 2;

export class CallLoader {
  readonly #ledger: Ledger;
  readonly #store: FileStore;
  readonly #now: () => number;
  readonly #batches = new Map<string, Promise<BatchInput | null>>();
  /** Batches whose file could not be read when this process looked last. */
  readonly #away = new Set<string>();

  constructor(ledger: Ledger, store: FileStore, now: () => number) {
    this.#ledger = ledger;
    this.#store = store;
    this.#now = now;
  }

  /** The unanswered calls of an entry. Where a delivery before this one was lost nothing is away: none of them is made. */
  async load(id: string, entry: ClaimedJob | ClaimedChunk): Promise<Loaded> {
    if (entry.kind === 'job')
      return { kind: 'loaded', calls: entry.answered ? [] : [jobCall(id, entry)], broken: [] };
    const batch = await this.#batch(entry.batch);
    return batch ? this.#lines(entry, batch) : { kind: 'gone' };
  }

  #batch(id: string): Promise<BatchInput | null> {
    const known = this.#batches.get(id);
    if (known) return known;
    if (this.#batches.size >= REMEMBERED_BATCHES) this.#batches.clear();
    const loading = this.#readBatch(id);
    this.#batches.set(id, loading);
    loading.then(
      (batch) => batch ?? this.#batches.delete(id),
      () => this.#batches.delete(id),
    );
    return loading;
  }

  async #readBatch(id: string): Promise<BatchInput | null> {
    const { redis, keys } = this.#ledger;
    const [endpoint, storeName] = await redis.hmget(keys.batch(id), 'endpoint', 'input_store');
    return endpoint && storeName ? { endpoint: endpoint as Endpoint, storeName } : null;
  }

  async #lines(entry: ClaimedChunk, batch: BatchInput): Promise<Loaded> {
    const open = entry.lines
      .map((line, place) => ({ line, place }))
      .filter(({ place }) => !entry.answered.has(place));
    const lines = open.map(({ line }) => line);
    const inputs = await this.#tryInputs(entry, batch.storeName, lines);
    if (!Array.isArray(inputs)) return inputs;
    const all = open.map(({ line, place }, i) => {
      const input = inputs[i] as LineInput | string;
      const read = typeof input === 'string' ? null : input;
      const call = lineCall(entry, batch, { line, place, input: read });
      return { call, why: typeof input === 'string' ? input : null };
    });
    return {
      kind: 'loaded',
      calls: all.flatMap(({ call, why }) => (why === null ? [call] : [])),
      broken: all.flatMap(({ call, why }) => (why === null ? [] : [{ call, why }])),
    };
  }

  async #tryInputs(
    { batch, lostBefore }: ClaimedChunk,
    file: string,
    lines: readonly LineRef[],
  ): Promise<(LineInput | string)[] | Away> {
    let inputs: (LineInput | string)[];
    try {
      inputs = await this.#inputs(file, lines);
    } catch (error) {
      if (lostBefore) return lines.map(() => String(error));
      return this.#inVain(batch, { file, lines, error });
    }
    if (this.#away.delete(batch)) await forgetUnread(this.#ledger, batch, file);
    return inputs;
  }

  /** They are tried again later, or no more once the file is gone. */
  async #inVain(
    batch: string,
    { file, lines, error }: { file: string; lines: readonly LineRef[]; error: unknown },
  ): Promise<string[] | Away> {
    const now = this.#now();
    const look = { file, missing: error instanceof FileMissing, error: String(error), now };
    const unread = await noteUnread(this.#ledger, batch, look);
    if (isGone(unread, now)) return lines.map(() => FILE_GONE);
    if (this.#away.size >= REMEMBERED_BATCHES) this.#away.clear();
    this.#away.add(batch);
    const forMs = unread.againAt - now;
    return { kind: 'away', calls: lines.length, forMs, error: look.error };
  }

  /** Of each line what it asks for, or why that cannot be told. */
  async #inputs(name: string, lines: readonly LineRef[]): Promise<(LineInput | string)[]> {
    for (let reads = 1; ; reads++) {
      const texts = await this.#read(name, lines);
      const isWhole = texts.every((bytes, i) => bytes.length === lines[i]?.[2]);
      if (isWhole || reads === READS_OF_SHORT)
        return texts.map((bytes, i) => inputOf(bytes, lines[i] as LineRef));
    }
  }

  /** Lines that touch in the file (a line break between them) are read together, others beside each other. */
  async #read(name: string, lines: readonly LineRef[]): Promise<Buffer[]> {
    const reads: Promise<Buffer[]>[] = [];
    let from = 0;
    while (from < lines.length) {
      let to = from + 1;
      while (to < lines.length && isNext(lines[to - 1] as LineRef, lines[to] as LineRef)) to++;
      reads.push(this.#readTogether(name, lines.slice(from, to)));
      from = to;
    }
    return (await Promise.all(reads)).flat();
  }

  async #readTogether(name: string, lines: readonly LineRef[]): Promise<Buffer[]> {
    const first = lines[0] as LineRef;
    const last = lines.at(-1) as LineRef;
    const bytes = await this.#store.readAt(name, first[1], last[1] + last[2] - first[1]);
    return lines.map(([, offset, length]) =>
      bytes.subarray(offset - first[1], offset - first[1] + length),
    );
  }
}

const FILE_GONE = 'its input file is gone';

function inputOf(bytes: Buffer, [, offset, length]: LineRef): LineInput | string {
  if (bytes.length < length)
    return `its input file ends before byte ${offset + length}, where the line did`;
  try {
    return JSON.parse(bytes.toString('utf8')) as LineInput;
  } catch {
    return 'its input file has something else in its place';
  }
}

/** At most a CR, an LF and blank space between two lines. */
const isNext = (a: LineRef, b: LineRef): boolean =>
  b[1] >= a[1] + a[2] && b[1] - (a[1] + a[2]) <= 16;

function lineCall(
  entry: ClaimedChunk,
  batch: BatchInput,
  { line, place, input }: { line: LineRef; place: number; input: LineInput | null },
): Call {
  const history = entry.history[place];
  return {
    ref: `${entry.batch}.${line[0]}`,
    place,
    line: line[0],
    customId: input?.custom_id ?? null,
    endpoint: batch.endpoint,
    body: input?.body ?? {},
    shape: { characters: line[3], maxOutput: line[4] < 0 ? null : line[4], inputs: 1 },
    band: 'batch',
    tier: entry.tier,
    pool: entry.pool,
    arm: entry.arm,
    expects: entry.expects,
    attempts: history?.attempts ?? '',
    tries: history?.tries ?? 0,
    since: history?.since ?? entry.createdAt,
    deadlineAt: entry.deadlineAt,
  };
}

function jobCall(id: string, entry: ClaimedJob): Call {
  return {
    ref: id,
    place: 0,
    line: 0,
    customId: null,
    endpoint: entry.endpoint as Endpoint,
    body: JSON.parse(entry.body) as Record<string, unknown>,
    shape: entry.shape,
    band: entry.priority === 'interactive' ? 'interactive' : 'batch',
    tier: entry.tier,
    pool: entry.pool,
    arm: entry.arm,
    expects: entry.expects,
    attempts: '',
    tries: 0,
    since: entry.since || entry.createdAt,
    deadlineAt: entry.deadlineAt,
  };
}
