import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFile, readUpload } from '@sluice/ledger';
import { apiEvents } from './events.ts';
import { keepHouse } from './housekeeping.ts';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';
import pino from 'pino';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

const DAY = 86_400_000;
const LINES = '{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"fast"}}\n';

async function round(at: number) {
  const store = api.store();
  const events = apiEvents(pino({ level: 'silent' }));
  const removed = await keepHouse({ ledger: api.ledger, store, events }, at);
  await store.close();
  return removed;
}

test('lapsed files and uploads go with their bytes; what a running batch reads stays', async () => {
  const now = Date.now();
  const form = new FormData();
  form.append('purpose', 'batch');
  form.append('file', new Blob([LINES]), 'a.jsonl');
  const sent = await fetch(`${api.url}/v1/files`, { method: 'POST', body: form });
  const { id } = (await sent.json()) as { id: string };
  const type = { 'content-type': 'application/jsonl' };
  const batch = (await api.call('POST /v1/batches', LINES, type)).json;
  const upload = { filename: 'a.jsonl', purpose: 'batch', bytes: 9, mime_type: 'text/plain' };
  const opened = (await api.call('POST /v1/uploads', upload)).json;
  assert.deepEqual(await round(now), { files: 0, uploads: 0, rows: 0 });
  assert.deepEqual(await round(now + DAY), { files: 0, uploads: 1, rows: 0 });
  assert.equal((await readUpload(api.ledger, opened.id, now))?.status, 'expired');
  assert.deepEqual(await round(now + 31 * DAY), { files: 1, uploads: 0, rows: 0 });
  assert.equal(await readFile(api.ledger, id), null);
  assert.deepEqual(api.stored(), [batch.input_file_id]);
});

test('rows of jobs that are past their retention leave the list', async () => {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  await api.ledger.redis.del(api.ledger.keys.job(json.id));
  assert.deepEqual(await round(Date.now()), { files: 0, uploads: 0, rows: 1 });
});
