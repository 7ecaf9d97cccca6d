/** One line of a batch as a job: from the recorded results once it is in them, else from the chunk it travels in. */
import { findInIndex, indexName, rawMember, readLines } from '@sluice/files';
import { jobJson, lineId } from '@sluice/job';
import type { Attempt, Job, JobErrorCode, JobStatus, RawResult } from '@sluice/job';
import { openChunks, readFile } from '@sluice/ledger';
import type { LineRef, StoredBatch } from '@sluice/ledger';
import { beforeWriting } from '../accept-surely.ts';
import type { Api } from '../api.ts';
import { findBatch, hasEnded } from '../find-batch.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest } from '../http/message.ts';
import type { SeenLine } from '../line-reads.ts';
import { changesOf } from '../wait-for.ts';
import { whyLineUnfed, whyUnpaidAgain } from '../batch-waiting.ts';
import { unixSeconds } from '../unix-seconds.ts';
import { atGate, publicWaiting, whyWaiting } from '../waiting.ts';
import type { Waiting } from '../waiting.ts';

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
  const { result, ...state } = await stateOf(api, open, { line, pool: input.pool });
  return jobJson({ ...headOf(open.batch, line, input), ...state }, result);
}

async function waitUntilRecorded(
  api: Api,
  { batch, line, waitMs }: { batch: StoredBatch; line: number; waitMs: number },
  signal: AbortSignal,
): Promise<SeenLine> {
  const end = Date.now() + waitMs;
  let seen = await look(api, batch, line);
  if (waitMs === 0) return seen;
  for await (const _ of changesOf(api.watch, batch.id, { signal, everyMs: waitMs })) {
    seen = await look(api, batch, line);
    if (seen.recorded || hasEnded(seen.batch.status) || Date.now() >= end) break;
  }
  return seen;
}

async function look(api: Api, { id }: StoredBatch, line: number): Promise<SeenLine> {
  const seen = (await beforeWriting(api.lines.get(id, line))) ?? noSuch('batch', id);
  return { ...seen, recorded: seen.recorded || hasEnded(seen.batch.status) };
}

interface Input {
  /** '' = not known yet. */
  pool: string;
  model: string;
  metadata: Record<string, string>;
}

/** What the input file says of the line; null when it has no such line, or one that is no request. */
async function readInput(api: Api, batch: StoredBatch, line: number): Promise<Input | null> {
  const file = await readFile(api.ledger, batch.inputFileId);
  if (file === null) return { pool: '', model: '', metadata: {} };
  const { storeName } = file;
  if (batch.classes.length > 0) return inputByIndex(api, { batch, storeName }, line);
  const bytes = await bytesByReading(api, storeName, line);
  return bytes && inputOf(bytes, '');
}

/** Each line stands in the index of one class. */
async function inputByIndex(
  { store }: Api,
  { batch, storeName }: { batch: StoredBatch; storeName: string },
  line: number,
): Promise<Input | null> {
  const found = await Promise.all(
    batch.classes.map(({ index, jobs }) =>
      findInIndex(store, { name: indexName(batch.id, index), records: jobs }, line),
    ),
  );
  const at = found.findIndex((one) => one !== null);
  const record = found[at];
  if (!record) return null;
  const bytes = await store.readAt(storeName, record.offset, record.length);
  return inputOf(bytes, batch.classes[at]?.pool ?? '');
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

function inputOf(bytes: Buffer, pool: string): Input | null {
  try {
    const { custom_id: customId, body } = JSON.parse(bytes.toString()) as {
      custom_id?: unknown;
      body?: { model?: unknown };
    };
    const model = typeof body?.model === 'string' ? body.model : '';
    return { pool, model, metadata: typeof customId === 'string' ? { custom_id: customId } : {} };
  } catch {
    return null;
  }
}

const headOf = (batch: StoredBatch, line: number, input: Input) => ({
  id: lineId(batch.id, line),
  object: 'job' as const,
  tenant: batch.tenant,
  model: input.model,
  endpoint: batch.endpoint,
  priority: batch.priority,
  created_at: unixSeconds(batch.createdAt),
  deadline_at: unixSeconds(batch.expiresAt),
  metadata: input.metadata,
  retry_of: null,
});

type State = Pick<
  Job,
  'status' | 'started_at' | 'ended_at' | 'attempts' | 'error' | 'cost_usd' | 'waiting'
> & {
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

interface Place {
  line: number;
  pool: string;
}

async function stateOf(api: Api, { batch, recorded }: SeenLine, place: Place): Promise<State> {
  const found = recorded ? await findRecorded(api, batch, place.line) : null;
  if (found) return found;
  if (hasEnded(batch.status)) return unfinished(batch);
  const chunks = await openChunks(api.ledger, batch.id);
  const chunk = await findChunk(api, chunks, place.line);
  const underWay = chunks.length > 0;
  if (chunk?.status !== 'running') return queued(api, batch, { ...place, chunk, underWay });
  const startedAt = chunk.started ? unixSeconds(Number(chunk.started)) : null;
  const waiting = chunk.atGate ? { waiting: atGate(chunk.deployment) } : {};
  return { ...OPEN, ...waiting, status: 'running', started_at: startedAt };
}

/** A line that is fed waits for its deployment alone, or for a place; one that is not for its batch's turn too. */
async function queued(
  api: Api,
  batch: StoredBatch,
  { pool, chunk, underWay }: Place & { chunk: Chunk | null; underWay: boolean },
): Promise<State> {
  const { maxTier } = batch;
  const stuck = await (chunk === null
    ? whyLineUnfed(api, batch, { pool, underWay })
    : whyUnplaced(api, batch, { pool, maxTier, deployment: chunk.deployment }));
  return stuck === null ? OPEN : { ...OPEN, waiting: publicWaiting(stuck) };
}

async function whyUnplaced(
  api: Api,
  batch: StoredBatch,
  wants: Parameters<typeof whyWaiting>[1],
): Promise<Waiting | null> {
  const stuck = await whyWaiting(api, wants);
  if (stuck !== null || wants.deployment !== null) return stuck;
  const reason = whyUnpaidAgain(batch);
  return reason === null ? null : { reason, deployments: [] };
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
  const row = await api.recorded.get(batch.id, line);
  return row && recordedState(row);
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

interface Chunk {
  status: string;
  started: string | null;
  deployment: string | null;
  /** None of its lines has begun: they wait for their bookings. */
  atGate: boolean;
}

/** The one of these chunks that the line travels in; null = it is not fed. */
async function findChunk(
  { ledger }: Api,
  ids: readonly string[],
  line: number,
): Promise<Chunk | null> {
  const { redis, keys } = ledger;
  const chunks = await Promise.all(
    ids.map((id) =>
      redis.hmget(keys.chunk(id), 'lines', 'status', 'started', 'deployment', 'gate'),
    ),
  );
  for (const [lines, status, started, deployment, gate] of chunks) {
    const has = (JSON.parse(lines ?? '[]') as LineRef[]).some(([number]) => number === line);
    if (!has || !status) continue;
    return {
      status,
      started: started || null,
      deployment: deployment || null,
      atGate: gate === '1',
    };
  }
  return null;
}
