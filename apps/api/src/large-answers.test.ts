/** Answers of any depth and size, and that whoever reads them takes nothing away from anybody else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeRecorded } from '@sluice/files';
import { LARGE_BYTES } from '@sluice/ledger';
import { chatLine } from '@sluice/testing';
import { chat, endJobAs, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

const DEEP = `{"a":${'['.repeat(50_000)}1.00${']'.repeat(50_000)}}`;

async function ended(answer: string, metadata: Record<string, string> = {}): Promise<string> {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat(), metadata });
  const fields = { status: 'succeeded', ended: 1, result_status: 200, result_body: answer };
  await endJobAs(api.ledger, json.id, fields);
  return json.id as string;
}

test('an answer nested very deeply comes as the provider wrote it, also in lists and events', async () => {
  const id = await ended(DEEP, { set: 'deep' });
  const result = `"result":{"status_code":200,"body":${DEEP}}`;
  for (const path of [`/v1/jobs/${id}`, '/v1/jobs?metadata[set]=deep', `/v1/jobs/${id}/events`]) {
    const response = await fetch(`${api.url}${path}`);
    const text = await response.text();
    assert.equal(response.status, 200);
    assert.ok(text.includes(result), path);
  }
});

test('a large answer is whole where one asks for its job; in a list stands where it is', async () => {
  const large = JSON.stringify({ text: 'ü'.repeat(LARGE_BYTES) });
  const id = await ended(large, { set: 'large' });
  const { json } = await api.call(`GET /v1/jobs/${id}`);
  assert.equal(json.result.body.text.length, LARGE_BYTES);
  assert.equal(json.url, undefined);
  const [row] = (await api.call('GET /v1/jobs?metadata[set]=large')).json.data;
  assert.deepEqual([row.result, row.url], [null, `/v1/jobs/${id}`]);
  const small = await ended('{"n": 1}', { set: 'small' });
  const [other] = (await api.call('GET /v1/jobs?metadata[set]=small')).json.data;
  assert.deepEqual([other.id, other.result.body, other.url], [small, { n: 1 }, undefined]);
});

test('many reading very large answers at once all get them, and nobody else is refused', async () => {
  const large = `"${'y'.repeat(30_000_000)}"`;
  const ids = [await ended(large), await ended(large)];
  const small = await ended('{}');
  const reading = new AbortController();
  const reads = Array.from({ length: 12 }, async (_, i) => {
    const response = await fetch(`${api.url}/v1/jobs/${ids[i % 2]}`);
    let bytes = 0;
    const body = response.body as unknown as AsyncIterable<Uint8Array>;
    for await (const chunk of body) bytes += chunk.length;
    return bytes > large.length ? response.status : 0;
  });
  const others = (async () => {
    const statuses = new Set<number>();
    while (!reading.signal.aborted) {
      statuses.add((await api.call(`GET /v1/jobs/${small}`)).status);
      statuses.add((await api.call('POST /v1/jobs', { model: 'fast', body: chat() })).status);
    }
    return statuses;
  })();
  const statuses = await Promise.all(reads).finally(() => reading.abort());
  assert.deepEqual([...new Set(statuses)], [200]);
  assert.deepEqual(await others, new Set([200, 202]));
});

test('a large request is kept, run again and found again', async () => {
  const content = 'z'.repeat(2 * LARGE_BYTES);
  const order = { model: 'fast', body: chat(content) };
  const key = { 'idempotency-key': 'large' };
  const { status, json } = await api.call('POST /v1/jobs', order, key);
  assert.equal(status, 202);
  assert.equal((await api.call('POST /v1/jobs', order, key)).json.id, json.id);
  await endJobAs(api.ledger, json.id, { status: 'failed' });
  const again = await api.call(`POST /v1/jobs/${json.id}/retry`);
  const { redis, keys } = api.ledger;
  const body = await redis.hget(keys.job(again.json.id as string), 'body');
  assert.equal(JSON.parse(body ?? '').messages[0].content, content);
});

test('a deep answer of a batch line is read as it was recorded', async () => {
  const text = chatLine('a', { model: 'fast', ...chat() });
  const type = { 'content-type': 'application/jsonl' };
  const { json } = await api.call('POST /v1/batches?completion_window=24h', text, type);
  const row = encodeRecorded({
    line: 1,
    ok: true,
    output: `{"id":"r","custom_id":"a","response":{"status_code":200,"request_id":"r","body":${DEEP}},"error":null}`,
    extras: '{"deployment":"mini","tier":1,"attempts":[],"cost_usd":null}',
  });
  const store = api.store();
  const appender = await store.appender(`batches/${json.id}/segment-test`);
  const { segment, start, end } = await appender.append([Buffer.from(row)]);
  await appender.close();
  const { redis, keys } = api.ledger;
  await redis.rpush(keys.extents(json.id as string), `${segment} ${start} ${end}`);
  await redis.setbit(keys.seen(json.id as string), 1, 1);
  const read = await fetch(`${api.url}/v1/jobs/${json.id}.1`);
  assert.equal(read.status, 200);
  assert.ok((await read.text()).includes(`"result":{"status_code":200,"body":${DEEP}}`));
});
