/** POST /v1/batches: of a file that was uploaded, or of the JSONL in the body itself. */
import { csvAdvice, kindOf, readLines } from '@sluice/files';
import type { Line, Writing } from '@sluice/files';
import { ENDPOINTS } from '@sluice/job';
import type { Endpoint } from '@sluice/job';
import { createFile, noteBytes } from '@sluice/ledger';
import type { FileRecord } from '@sluice/ledger';
import type { z } from 'zod';
import type { Api } from '../api.ts';
import { batchObject } from '../batch-object.ts';
import { refuse, show } from '../errors.ts';
import { lookForFile } from '../find-file.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { check, checkBody } from '../http/problem.ts';
import { readGroup, readQuery } from '../http/query.ts';
import { isJsonLines } from '../http/request-body.ts';
import { hasKey, newId } from '../idempotency.ts';
import { refuseTierBeyond } from '../refuse-tier.ts';
import { batchRequest, directQuery } from '../shapes/batch-request.ts';
import { metadata as metadataShape } from '../shapes/fields.ts';
import { FILE_LIMIT } from '../size-limits.ts';
import { checkWebhook } from '../submit-job.ts';
import { refuseInput, submitBatch } from '../submit-batch.ts';
import type { BatchOrder } from '../submit-batch.ts';
import { refuseUnpriced } from '../unpriced.ts';
import { dryRun } from './dry-run.ts';
import { forgetFile, keepForBatch, newFile } from './files.ts';

export const createBatch = (api: Api, request: ApiRequest): Promise<Reply> =>
  isJsonLines(request.headers['content-type'])
    ? createDirectly(api, request)
    : createFromFile(api, request);

async function createFromFile(api: Api, request: ApiRequest): Promise<Reply> {
  const wanted = checkBody(batchRequest, request.json);
  const id = wanted.input_file_id;
  const file = await lookForFile(api, request.caller, { id, now: request.now });
  if (file === null) refuseInput(show(id), `cannot find file ${show(id)}`);
  if (file?.purpose !== 'batch') {
    refuseInput(id, `its purpose is ${show(file?.purpose)}, allowed: "batch"`);
  }
  const order: BatchOrder = {
    endpoint: wanted.endpoint,
    inputFileId: id,
    completionWindow: wanted.completion_window,
    priority: wanted.priority,
    metadata: wanted.metadata,
    webhookUrl: wanted.webhook_url,
    maxTier: wanted.max_tier,
    maxCostUsd: wanted.max_cost_usd,
    outputExpiresAfter: wanted.output_expires_after?.seconds ?? null,
    retryOf: null,
  };
  refuseWhatNobodyHas(api, request, order);
  if (wanted.dry_run) return dryRun(api, request, { order, storeName: file?.storeName as string });
  const { batch } = await submitBatch(api, request, { order, content: request.text });
  return ok(batchObject(batch, request.now));
}

/** A tier, or a ceiling, that says nothing in any pool of this caller; whether it does in a pool of its lines is seen when they are read. */
function refuseWhatNobodyHas(
  { fleet }: Api,
  { caller }: ApiRequest,
  order: Pick<BatchOrder, 'maxTier' | 'maxCostUsd'>,
): void {
  refuseTierBeyond(fleet, order.maxTier, caller.pools ?? [...fleet.pools.keys()]);
  refuseUnpriced(fleet, order, caller.pools);
}

type DirectQuery = z.output<typeof directQuery>;

/** The body goes into the store as it is; the first line's `url` is the endpoint. */
async function createDirectly(api: Api, request: ApiRequest): Promise<Reply> {
  const query = readQuery(directQuery, request.query, 'metadata');
  const pairs = readGroup(request.query, 'metadata');
  const metadata = pairs.size === 0 ? null : check(metadataShape, Object.fromEntries(pairs));
  checkWebhook(api, query.webhook_url ?? null);
  refuseWhatNobodyHas(api, request, orderOf(query));
  const id = newId('file');
  const digest = hasKey(request) ? { digest: 'sha256' as const } : {};
  const writing = await api.store.create(`files/${id}`, digest);
  try {
    const endpoint = await receiveLines(request, writing, api.settings.server);
    const order = { ...orderOf(query), metadata, endpoint };
    const { filename, dry_run: dry = false } = query;
    // It came in however slowly: its times count from when it is whole.
    const whole = { ...request, now: api.clock.now() };
    return await createOfBytes(api, whole, { id, writing, order, filename, dry });
  } finally {
    await writing.abort();
  }
}

const orderOf = (
  query: DirectQuery,
): Omit<BatchOrder, 'endpoint' | 'inputFileId' | 'metadata'> => ({
  completionWindow: query.completion_window,
  priority: query.priority,
  webhookUrl: query.webhook_url ?? null,
  maxTier: query.max_tier ?? null,
  maxCostUsd: query.max_cost_usd ?? null,
  outputExpiresAfter: query['output_expires_after[seconds]'] ?? null,
  retryOf: null,
});

/** Should nobody remove it: the file of a dry run lapses by itself. */
const DRY_RUN_SECONDS = 3_600;

interface Direct {
  id: string;
  writing: Writing;
  order: Omit<BatchOrder, 'inputFileId'>;
  filename: string;
  /** Nothing is made of it. */
  dry: boolean;
}

async function createOfBytes(
  api: Api,
  request: ApiRequest,
  { id, writing, order: ordered, filename, dry }: Direct,
): Promise<Reply> {
  await noteBytes(api.ledger, id, request.now);
  const { bytes, digest } = await writing.commit();
  api.metrics.bytesReceived.inc(bytes);
  const form = { bytes, filename };
  const lifeSeconds = dry ? DRY_RUN_SECONDS : null;
  const file = newFile(api, request, { id, form, purpose: 'batch', lifeSeconds });
  const order = { ...ordered, inputFileId: id };
  if (dry) return runDry(api, request, { order, file });
  await keepForBatch(api, file, request.now);
  const content = `${digest} ${request.query.toString()}`;
  const { batch, made } = await submitBatch(api, request, { order, content }).catch(
    async (error: unknown) => {
      await forgetFile(api, file);
      throw error;
    },
  );
  if (!made) await forgetFile(api, file);
  return ok(batchObject(batch, request.now));
}

/** What was sent for it is removed again. */
async function runDry(
  api: Api,
  request: ApiRequest,
  { order, file }: { order: BatchOrder; file: FileRecord },
): Promise<Reply> {
  await createFile(api.ledger, file);
  try {
    return await dryRun(api, request, { order, storeName: file.storeName });
  } finally {
    await forgetFile(api, file);
  }
}

/** Streams the body into the store; answers the endpoint that the first line names. */
async function receiveLines(
  request: ApiRequest,
  writing: Writing,
  limits: { maxFileBytes: number; maxBodyBytes: number },
): Promise<Endpoint> {
  let endpoint: Endpoint | null = null;
  // Refused halfway, it must not be destroyed: the client could not send the rest, and so not read why.
  const source: AsyncIterable<Buffer> = request.stream.iterator({ destroyOnReturn: false });
  const bytes = counted(source, writing, limits.maxFileBytes);
  const { maxBodyBytes: maxLineBytes } = limits;
  for await (const [first] of readLines(bytes, { maxLineBytes })) {
    if (first) endpoint ??= endpointOf(first, maxLineBytes);
  }
  return (
    endpoint ??
    refuse('invalid_file', { param: 'body', values: { field: 'body', reason: 'it is empty' } })
  );
}

async function* counted(
  source: AsyncIterable<Buffer>,
  writing: Writing,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      const values = { field: 'body', allowed: maxBytes, limit: FILE_LIMIT };
      refuse('too_large', { param: 'body', values });
    }
    await writing.write(chunk);
    yield chunk;
  }
}

function endpointOf(line: Line, maxLineBytes: number): Endpoint {
  const url = urlOf(line, maxLineBytes);
  const found = ENDPOINTS.find((one) => one === url);
  if (found) return found;
  const values = { field: 'url', found: show(url), allowed: ENDPOINTS.join(', ') };
  return refuse('invalid_value', { param: 'url', values });
}

function urlOf({ line, bytes, length, problem }: Line, maxLineBytes: number): unknown {
  const bad = (reason: string): never =>
    refuse('invalid_json', { values: { reason: `line ${line} ${reason}` } });
  if (problem === 'too_long')
    return bad(`has ${length} bytes; at most ${maxLineBytes} are allowed`);
  if (problem === 'not_utf8') return bad('is not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    const advice = csvAdvice(bytes.toString());
    return bad(advice === '' ? 'is no JSON object' : `is no JSON object.${advice}`);
  }
  const kind = kindOf(value);
  return kind === 'an object' ? (value as { url?: unknown }).url : bad(`is ${kind}, not an object`);
}
