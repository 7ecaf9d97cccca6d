/** From a claimed entry to the calls it asks for: bodies from the record (jobs) or from the batch's file (lines). */
import type { FileStore } from '@sluice/files';
import type { Attempt, Endpoint, Shape } from '@sluice/job';
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

const REMEMBERED_BATCHES = 256;

export class CallLoader {
  readonly #ledger: Ledger;
  readonly #store: FileStore;
  readonly #batches = new Map<string, Promise<BatchInput | null>>();

  constructor(ledger: Ledger, store: FileStore) {
    this.#ledger = ledger;
    this.#store = store;
  }

  /** The unanswered calls of an entry; null when the batch or its file is gone. */
  async load(id: string, entry: ClaimedJob | ClaimedChunk): Promise<Call[] | null> {
    if (entry.kind === 'job') return entry.answered ? [] : [jobCall(id, entry)];
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

  async #lines(entry: ClaimedChunk, batch: BatchInput): Promise<Call[]> {
    const open = entry.lines
      .map((line, place) => ({ line, place }))
      .filter(({ place }) => !entry.answered.has(place));
    const texts = await this.#read(
      batch.storeName,
      open.map(({ line }) => line),
    );
    return open.map(({ line, place }, i) => {
      const history = entry.history[place];
      const input = JSON.parse(texts[i] as string) as {
        custom_id: string;
        body: Record<string, unknown>;
      };
      return {
        ref: `${entry.batch}.${line[0]}`,
        place,
        line: line[0],
        customId: input.custom_id,
        endpoint: batch.endpoint,
        body: input.body,
        shape: { characters: line[3], maxOutput: line[4] < 0 ? null : line[4], inputs: 1 },
        band: 'batch',
        tier: entry.tier,
        attempts: history?.attempts ?? '',
        tries: history?.tries ?? 0,
        since: history?.since ?? entry.createdAt,
        deadlineAt: entry.deadlineAt,
      };
    });
  }

  /** Lines that touch in the file (a line break between them) are read together. */
  async #read(name: string, lines: readonly LineRef[]): Promise<string[]> {
    const texts: string[] = [];
    let from = 0;
    while (from < lines.length) {
      let to = from + 1;
      while (to < lines.length && isNext(lines[to - 1] as LineRef, lines[to] as LineRef)) to++;
      const first = lines[from] as LineRef;
      const last = lines[to - 1] as LineRef;
      const bytes = await this.#store.readAt(name, first[1], last[1] + last[2] - first[1]);
      for (const [, offset, length] of lines.slice(from, to)) {
        texts.push(bytes.toString('utf8', offset - first[1], offset - first[1] + length));
      }
      from = to;
    }
    return texts;
  }
}

/** At most a CR, an LF and blank space between two lines. */
const isNext = (a: LineRef, b: LineRef): boolean =>
  b[1] >= a[1] + a[2] && b[1] - (a[1] + a[2]) <= 16;

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
    attempts: '',
    tries: 0,
    since: entry.since || entry.createdAt,
    deadlineAt: entry.deadlineAt,
  };
}

/** An attempt that a dead worker may have made: nobody knows how it ended. */
export const lostAttempt = (
  deployment: { id: string; provider: { id: string } },
  since: number,
): Attempt => ({
  deployment: deployment.id,
  provider: deployment.provider.id,
  started_at: since / 1000,
  queued_ms: 0,
  took_ms: 0,
  outcome: 'lost',
  status_code: null,
  usage: null,
  cost_usd: null,
  error: 'the worker that made this call ended before its answer was stored',
});
