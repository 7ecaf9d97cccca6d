/** From a claimed entry to the calls it asks for: bodies from the record (jobs) or from the batch's file (lines). */
import { FileMissing } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import type { Endpoint, Shape } from '@sluice/job';
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

export interface Loaded {
  calls: Call[];
  unreadable: boolean;
}

const REMEMBERED_BATCHES = 256;

export class CallLoader {
  readonly #ledger: Ledger;
  readonly #store: FileStore;
  readonly #batches = new Map<string, Promise<BatchInput | null>>();

  constructor(ledger: Ledger, store: FileStore) {
    this.#ledger = ledger;
    this.#store = store;
  }

  /**
   * The unanswered calls of an entry; null when the batch is gone. `unreadable`: the file that holds their bodies is gone
   * too (or cannot be read, and a delivery before this one was lost): they have neither body nor custom_id.
   */
  async load(id: string, entry: ClaimedJob | ClaimedChunk): Promise<Loaded | null> {
    if (entry.kind === 'job')
      return { calls: entry.answered ? [] : [jobCall(id, entry)], unreadable: false };
    const batch = await this.#batch(entry.batch);
    return batch && this.#lines(entry, batch);
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
    const inputs = await this.#inputs(
      batch.storeName,
      open.map(({ line }) => line),
    ).catch((error: unknown) => {
      if (error instanceof FileMissing || entry.lostBefore) return null;
      throw error;
    });
    const calls = open.map(({ line, place }, i) =>
      lineCall(entry, batch, { line, place, input: inputs?.[i] ?? null }),
    );
    return { calls, unreadable: inputs === null };
  }

  async #inputs(name: string, lines: readonly LineRef[]): Promise<LineInput[]> {
    const texts = await this.#read(name, lines);
    return texts.map((text) => JSON.parse(text) as LineInput);
  }

  /** Lines that touch in the file (a line break between them) are read together, others beside each other. */
  async #read(name: string, lines: readonly LineRef[]): Promise<string[]> {
    const reads: Promise<string[]>[] = [];
    let from = 0;
    while (from < lines.length) {
      let to = from + 1;
      while (to < lines.length && isNext(lines[to - 1] as LineRef, lines[to] as LineRef)) to++;
      reads.push(this.#readTogether(name, lines.slice(from, to)));
      from = to;
    }
    return (await Promise.all(reads)).flat();
  }

  async #readTogether(name: string, lines: readonly LineRef[]): Promise<string[]> {
    const first = lines[0] as LineRef;
    const last = lines.at(-1) as LineRef;
    const bytes = await this.#store.readAt(name, first[1], last[1] + last[2] - first[1]);
    return lines.map(([, offset, length]) =>
      bytes.toString('utf8', offset - first[1], offset - first[1] + length),
    );
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
