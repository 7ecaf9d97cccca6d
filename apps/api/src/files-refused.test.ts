import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatBody, chatLines, startSink } from '@sluice/testing';
import { startTestApi } from './test-api.ts';

test('a bucket that refuses writes is 503 with what to do, for files and batches', async (t) => {
  const bucket = await startSink((_request, response) => {
    response
      .writeHead(404, { 'content-type': 'application/xml' })
      .end('<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>');
  });
  t.after(() => bucket.stop());
  const api = await startTestApi({
    config: `
files: { store: s3, bucket: not-there, endpoint: "${bucket.url}", access_key_id: a, secret_access_key: very-secret }
`,
  });
  t.after(() => api.stop());
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob(['{}\n']), 'a.jsonl');
  const uploaded = await fetch(`${api.url}/v1/files`, { method: 'POST', body: form });
  const headers = { 'content-type': 'application/jsonl' };
  const body = chatLines(2, () => chatBody('hi', { model: 'fast' }));
  const posted = await fetch(`${api.url}/v1/batches`, { method: 'POST', body, headers });
  for (const answer of [uploaded, posted]) {
    const text = await answer.text();
    assert.equal(answer.status, 503, text);
    assert.match(text, /"files_unavailable"/);
    assert.match(text, /The file store refuses: there is no such bucket; make it/);
    assert.doesNotMatch(text, /very-secret/);
  }
});
