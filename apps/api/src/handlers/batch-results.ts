/** GET /v1/batches/{id}/results: the lines finished so far, in an order that never changes; `follow` goes on to the end. */
import { LineSet, streamResults } from '@sluice/files';
import { readBatch, readExtents } from '@sluice/ledger';
import type { Extent } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { begun } from '../begun.ts';
import { findBatch, hasEnded } from '../find-batch.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { readQuery } from '../http/query.ts';
import { resultsQuery } from '../shapes/batch-request.ts';
import { changesOf } from '../wait-for.ts';

/** Looked at again without news. */
const LOOK_AGAIN_MS = 5_000;

export async function batchResults(api: Api, request: ApiRequest): Promise<Reply> {
  const { id } = await findBatch(api, request.caller, request.params['id'] as string);
  const { after, follow } = readQuery(resultsQuery, request.query);
  const stream = follow
    ? followResults(api, { id, after }, request.signal)
    : await begun(request, streamResults(api.store, await readExtents(api.ledger, id), { after }));
  return { status: 200, headers: { 'content-type': 'application/jsonl' }, stream };
}

async function* followResults(
  api: Api,
  { id, after }: { id: string; after: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const seen = new LineSet();
  let read: Extent[] = [];
  for await (const _ of changesOf(api.watch, id, { signal, everyMs: LOOK_AGAIN_MS })) {
    // The status first: once it is terminal, what is recorded is all there will be.
    const batch = await readBatch(api.ledger, id);
    const extents = await readExtents(api.ledger, id);
    const left = Math.max(0, after - seen.count);
    const news = streamResults(api.store, beyond(extents, read), { after: left, seen });
    for await (const lines of news) {
      yield lines;
      if (signal.aborted) return;
    }
    read = extents;
    if (batch === null || hasEnded(batch.status)) return;
  }
}

/** What has been recorded since: extents are only added, and only the last one grows. */
function beyond(extents: readonly Extent[], read: readonly Extent[]): Extent[] {
  const last = read.at(-1);
  if (last === undefined) return [...extents];
  const grown = extents[read.length - 1] as Extent;
  return [{ ...grown, start: last.end }, ...extents.slice(read.length)];
}
