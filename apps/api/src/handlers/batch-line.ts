/** One line of a batch as a job: from the recorded results once it is in them, else from the chunk it travels in. */
import { LineSet, findInIndex, indexName, rawMember, readLines, readRecorded } from '@sluice/files';
import { jobJson, lineId } from '@sluice/job';
import type { Attempt, Job, JobErrorCode, JobStatus, RawResult } from '@sluice/job';
import { openChunks, readExtents, readFile } from '@sluice/ledger';
import type { LineRef, StoredBatch } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { findBatch, hasEnded } from '../find-batch.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest } from '../http/message.ts';
import { changesOf } from '../wait-for.ts';
import { unixSeconds } from '../unix-seconds.ts';

interface Wanted {
  batchId: string;
  line: number;
  waitMs: number;
}

/** The line as JSON text; waits up to `waitMs` for it to be recorded. 404 for a line that the file does not have. */
export async function readLine(
  api: Api,
  request: ApiRequest,
  { batchId, line, waitMs }: Wanted,
): Promise<string> {
  const batch = await findBatch(api, request.caller, batchId);
  const input = await readInput(api, batch, line);
  if (input === null) return noSuch('job', lineId(batchId, line));
  const open = await waitUntilRecorded(api, { batch, line, waitMs }, request.signal);
  const { result, ...state } = await stateOf(api, open, line);
  return jobJson({ ...headOf(open.batch, line, input), ...state }, result);
}

interface Seen {
  batch: StoredBatch;
  recorded: boolean;
}

async function waitUntilRecorded(
  api: Api,
  { batch, line, waitMs }: { batch: StoredBatch; line: number; waitMs: number },
  signal: AbortSignal,
): Promise<Seen> {
  const end = Date.now() + waitMs;
  let seen = await look(api, batch, line);
  if (waitMs === 0) return seen;
  for await (const _ of changesOf(api.watch, batch.id, { signal, everyMs: waitMs })) {
    seen = await look(api, batch, line);
    if (seen.recorded || hasEnded(seen.batch.status) || Date.now() >= end) break;
  }
  return seen;
}

async function look(api: Api, { id, tenant }: StoredBatch, line: number): Promise<Seen> {
  const batch = await findBatch(api, { id: tenant, pools: null }, id);
  const bit = await api.ledger.redis.getbit(api.ledger.keys.seen(id), line);
  return { batch, recorded: bit === 1 || hasEnded(batch.status) };
}

interface Input {
  model: string;
  metadata: Record<string, string>;
}

/** What the input file says of the line; null when it has no such line, or one that is no request. */
async function readInput(api: Api, batch: StoredBatch, line: number): Promise<Input | null> {
  const file = await readFile(api.ledger, batch.inputFileId);
  if (file === null) return { model: '', metadata: {} };
  const { storeName } = file;
  const bytes = await (batch.classes.length > 0
    ? bytesByIndex(api, { batch, storeName }, line)
    : bytesByReading(api, storeName, line));
  return bytes && inputOf(bytes);
}

/** Each line stands in the index of one class. */
async function bytesByIndex(
  { store }: Api,
  { batch, storeName }: { batch: StoredBatch; storeName: string },
  line: number,
): Promise<Buffer | null> {
  const found = await Promise.all(
    batch.classes.map(({ index, jobs }) =>
      findInIndex(store, { name: indexName(batch.id, index), records: jobs }, line),
    ),
  );
  const record = found.find((one) => one !== null);
  return record ? store.readAt(storeName, record.offset, record.length) : null;
}

/** A batch that is not validated yet, or was found bad, has no index. */
async function bytesByReading(
  { store }: Api,
  storeName: string,
  line: number,
): Promise<Buffer | null> {
  for await (const lines of readLines(store.read(storeName), { checkUtf8: false })) {
    const found = lines.find((one) => one.line >= line);
    if (found) return found.line === line ? found.bytes : null;
  }
  return null;
}

function inputOf(bytes: Buffer): Input | null {
  try {
    const { custom_id: customId, body } = JSON.parse(bytes.toString()) as {
      custom_id?: unknown;
      body?: { model?: unknown };
    };
    const model = typeof body?.model === 'string' ? body.model : '';
    return { model, metadata: typeof customId === 'string' ? { custom_id: customId } : {} };
  } catch {
    return null;
  }
}

const headOf = (batch: StoredBatch, line: number, input: Input) => ({
  id: lineId(batch.id, line),
  object: 'job' as const,
  model: input.model,
  endpoint: batch.endpoint,
  priority: batch.priority,
  created_at: unixSeconds(batch.createdAt),
  deadline_at: unixSeconds(batch.expiresAt),
  metadata: input.metadata,
  retry_of: null,
});

type State = Pick<Job, 'status' | 'started_at' | 'ended_at' | 'attempts' | 'error' | 'cost_usd'> & {
  result: RawResult | null;
};

const OPEN: State = {
  status: 'queued',
  started_at: null,
  ended_at: null,
  attempts: [],
  result: null,
  error: null,
  cost_usd: null,
};

async function stateOf(api: Api, { batch, recorded }: Seen, line: number): Promise<State> {
  const found = recorded ? await findRecorded(api, batch, line) : null;
  if (found) return found;
  if (!hasEnded(batch.status)) return stateInChunks(api, batch, line);
  return unfinished(batch);
}

/** The batch ended before the line did. */
function unfinished(batch: StoredBatch): State {
  const expired = batch.status === 'expired';
  const status: JobStatus = expired ? 'expired' : 'cancelled';
  const message = `the batch ${batch.status} before this line was done`;
  const at = batch.expiredAt ?? batch.cancelledAt ?? batch.failedAt;
  const endedAt = at === null ? null : unixSeconds(at);
  return { ...OPEN, status, ended_at: endedAt, error: { code: status, message } };
}

async function findRecorded(api: Api, batch: StoredBatch, line: number): Promise<State | null> {
  const seen = new LineSet();
  for await (const rows of readRecorded(api.store, await readExtents(api.ledger, batch.id))) {
    const row = rows.find((one) => one.line === line && seen.add(one.line));
    if (row) return recordedState(row);
  }
  return null;
}

interface Output {
  response: { status_code: number } | null;
  error: { code: string; message: string } | null;
}

function recordedState(row: { ok: boolean; output: Buffer; extras: Buffer }): State {
  const output = row.output.toString();
  const { response, error } = JSON.parse(output) as Output;
  const { attempts, cost_usd: cost } = JSON.parse(row.extras.toString()) as {
    attempts: Attempt[];
    cost_usd: number | null;
  };
  const first = attempts[0];
  const last = attempts.at(-1);
  return {
    status: row.ok ? 'succeeded' : 'failed',
    started_at: first ? Math.floor(first.started_at) : null,
    ended_at: last ? Math.floor(last.started_at + last.took_ms / 1000) : null,
    attempts,
    result: response && { statusCode: response.status_code, body: bodyIn(output) },
    error: row.ok ? null : lineError(error, last),
    cost_usd: cost,
  };
}

/** The provider's body as it was recorded. */
const bodyIn = (output: string): string =>
  rawMember(rawMember(output, 'response') ?? '{}', 'body') ?? 'null';

function lineError(error: Output['error'], last: Attempt | undefined): Job['error'] {
  const code = (error?.code ?? last?.outcome ?? 'provider_error') as JobErrorCode;
  return { code, message: error?.message ?? last?.error ?? 'the provider refused it' };
}

/** A line that is fed and not yet recorded is as its chunk is; one that is not fed is queued. */
async function stateInChunks(api: Api, batch: StoredBatch, line: number): Promise<State> {
  const { redis, keys } = api.ledger;
  const ids = await openChunks(api.ledger, batch.id);
  const chunks = await Promise.all(
    ids.map((id) => redis.hmget(keys.chunk(id), 'status', 'lines', 'started')),
  );
  for (const [status, lines, started] of chunks) {
    const has = (JSON.parse(lines ?? '[]') as LineRef[]).some(([number]) => number === line);
    if (!has || status !== 'running') continue;
    return {
      ...OPEN,
      status: 'running',
      started_at: started ? unixSeconds(Number(started)) : null,
    };
  }
  return OPEN;
}
