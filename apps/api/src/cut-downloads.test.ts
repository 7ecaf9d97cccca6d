/** Files and results out of a bucket that goes away: 503 before the first byte, a broken body after it, never a short file. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId } from '@sluice/job';
import { createFile } from '@sluice/ledger';
import { chatBody, chatLines, startSink } from '@sluice/testing';
import type { HttpSink } from '@sluice/testing';
import { startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const BYTES = 1_000;

/** How the bucket answers a read: with an error, none of it, a piece of it and then errors, or less than there was. */
let reads: 'away' | 'missing' | 'a piece' | 'short' | 'whole' = 'whole';
let bucket: HttpSink;
let api: TestApi;
before(async () => {
  bucket = await startSink(({ method }, response) => {
    if (method === 'HEAD') response.writeHead(200, { 'content-length': BYTES }).end();
    else if (method !== 'GET') response.writeHead(200, { etag: '"e"' }).end();
    else if (reads === 'away') response.writeHead(503).end();
    else if (reads === 'missing') response.writeHead(404).end();
    else sendSome(response);
  });
  const files = `{ store: s3, bucket: some-bucket, endpoint: "${bucket.url}", access_key_id: a, secret_access_key: b }`;
  api = await startTestApi({ config: `\nfiles: ${files}\n` });
});
after(async () => {
  await api.stop();
  await bucket.stop();
});

function sendSome(response: Parameters<NonNullable<Parameters<typeof startSink>[0]>>[1]): void {
  const length = reads === 'short' ? BYTES / 2 : BYTES;
  response.writeHead(206, {
    'content-range': `bytes 0-${length - 1}/${length}`,
    'content-length': length,
  });
  if (reads !== 'a piece') response.end(Buffer.alloc(length, 'x'));
  else {
    reads = 'away';
    response.write(Buffer.alloc(10, 'x'), () => response.destroy());
  }
}

async function storedFile(): Promise<string> {
  const id = makeId('file', randomBytes(16));
  await createFile(api.ledger, {
    id,
    tenant: 'default',
    bytes: BYTES,
    createdAt: Date.now(),
    filename: 'out.jsonl',
    purpose: 'batch_output',
    expiresAt: null,
    storeName: `files/${id}`,
  });
  return `${api.url}/v1/files/${id}/content`;
}

/** A batch with recorded lines. */
async function results(): Promise<string> {
  const body = chatLines(2, () => chatBody('hi', { model: 'fast' }));
  const headers = { 'content-type': 'application/jsonl' };
  const made = await fetch(`${api.url}/v1/batches`, { method: 'POST', body, headers });
  const { id } = (await made.json()) as { id: string };
  await api.ledger.redis.rpush(api.ledger.keys.extents(id), `batches/${id}/segment-1 0 ${BYTES}`);
  return `${api.url}/v1/batches/${id}/results`;
}

for (const [what, urlOf] of [
  ['a file', storedFile],
  ['results', results],
] as const) {
  test(`${what} of a bucket that is away: 503 before the first byte`, async () => {
    const url = await urlOf();
    for (const how of ['away', 'missing'] as const) {
      reads = how;
      const answer = await fetch(url);
      const text = await answer.text();
      assert.equal(answer.status, 503, text);
      assert.match(text, /"files_unavailable"/);
    }
  });
}

test(
  'a file whose bucket goes away in its middle, or has less of it, is a broken body',
  { timeout: 30_000 },
  async () => {
    const url = await storedFile();
    for (const how of ['a piece', 'short'] as const) {
      reads = how;
      const answer = await fetch(url);
      assert.equal(answer.status, 200);
      await assert.rejects(answer.text(), TypeError, how);
    }
    reads = 'whole';
    const answer = await fetch(url);
    assert.equal((await answer.text()).length, BYTES);
  },
);
