import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chatBody, chatLines, startSink } from '@sluice/testing';
import { startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

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
  const texts = await refusals(api);
  for (const text of texts) {
    assert.match(text, /The file store refuses: there is no such bucket; make it/);
    assert.doesNotMatch(text, /very-secret/);
  }
});

/** The texts of the 503 that an upload and a batch get. */
async function refusals(api: TestApi): Promise<string[]> {
  const answers = await Promise.all([upload(api), post(api)]);
  return Promise.all(
    answers.map(async (answer) => {
      const text = await answer.text();
      assert.equal(answer.status, 503, text);
      assert.match(text, /"files_unavailable"/);
      assert.equal(answer.headers.get('retry-after'), '1');
      return text;
    }),
  );
}

function upload({ url }: TestApi): Promise<Response> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob(['{}\n']), 'a.jsonl');
  return fetch(`${url}/v1/files`, { method: 'POST', body: form });
}

function post({ url }: TestApi): Promise<Response> {
  const headers = { 'content-type': 'application/jsonl' };
  const body = chatLines(2, () => chatBody('hi', { model: 'fast' }));
  return fetch(`${url}/v1/batches`, { method: 'POST', body, headers });
}

test('a folder that cannot be written is 503 with what was found', async (t) => {
  const api = await startTestApi();
  t.after(() => api.stop());
  const partials = join(api.dataDir, 'files', '.partial');
  rmSync(partials, { recursive: true });
  writeFileSync(partials, '');
  for (const text of await refusals(api)) {
    assert.match(text, /The file store refuses: a file lies where it needs a folder; move that/);
    assert.ok(!text.includes(api.dataDir), text);
  }
});

test('a folder that goes away is 503, is not made anew, and is used again when it is back', async (t) => {
  const api = await startTestApi();
  t.after(() => api.stop());
  const uploaded = (await (await upload(api)).json()) as { id: string };
  const [folder, away] = [join(api.dataDir, 'files'), join(api.dataDir, 'away')];
  renameSync(folder, away);
  for (const text of await refusals(api))
    assert.match(text, /The file store cannot be reached: its folder is not there/);
  const content = `GET /v1/files/${uploaded.id}/content`;
  assert.equal((await api.call(content)).status, 503);
  assert.ok(!existsSync(folder));
  renameSync(away, folder);
  assert.equal((await api.call(content)).status, 200);
  assert.equal((await post(api)).status, 200);
});
