import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
let client: OpenAI;
before(async () => {
  api = await startTestApi({ config: 'server: { max_file_bytes: 300000 }\n' });
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(() => api.stop());

const TEXT = '{"custom_id":"a"}\n{"custom_id":"b"}\n';
const open = (change: object = {}) =>
  client.uploads.create({
    filename: 'a.jsonl',
    purpose: 'batch',
    bytes: TEXT.length,
    mime_type: 'application/jsonl',
    ...change,
  });
const part = async (id: string, text: string) =>
  client.uploads.parts.create(id, { data: await toFile(Buffer.from(text)) });

test('parts sent in any order become one file, in the order named at completion', async () => {
  const upload = await open();
  assert.equal(upload.status, 'pending');
  assert.equal(upload.expires_at, upload.created_at + 3600);
  const [second, first] = [
    await part(upload.id, TEXT.slice(10)),
    await part(upload.id, TEXT.slice(0, 10)),
  ];
  const md5 = createHash('md5').update(TEXT).digest('hex');
  const done = await client.uploads.complete(upload.id, { part_ids: [first.id, second.id], md5 });
  assert.equal(done.status, 'completed');
  const file = done.file as OpenAI.FileObject;
  assert.equal(await (await client.files.content(file.id)).text(), TEXT);
  assert.deepEqual(await client.files.retrieve(file.id), file);
  assert.deepEqual(api.stored(), [file.id]);
  // The answer may have been lost: the same completion again is answered the same.
  const again = await client.uploads.complete(upload.id, { part_ids: [first.id, second.id], md5 });
  assert.deepEqual(again.file, file);
  await assert.rejects(client.uploads.complete(upload.id, { part_ids: [first.id] }), /409/);
  await assert.rejects(part(upload.id, 'x'), /409.*completed; allowed: pending/);
  await assert.rejects(client.uploads.cancel(upload.id), /409/);
});

test('a completion that is sent again while it takes long makes one file, and all are told of it', async () => {
  for (let round = 0; round < 5; round++) {
    const stored = api.stored().length;
    const text = TEXT.repeat(8_000);
    const upload = await open({ bytes: text.length });
    const middle = text.length / 2;
    const parts = [
      await part(upload.id, text.slice(0, middle)),
      await part(upload.id, text.slice(middle)),
    ];
    const ids = { part_ids: parts.map(({ id }) => id) };
    const all = await Promise.all(
      // One after the other, so that some begin when the first is about to end.
      Array.from({ length: 40 }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, i));
        return client.uploads.complete(upload.id, ids);
      }),
    );
    assert.equal(new Set(all.map(({ file }) => file?.id)).size, 1);
    assert.equal(api.stored().length, stored + 1);
  }
});

test('what does not fit is refused, and the upload stays open', async () => {
  const upload = await open();
  const half = await part(upload.id, TEXT.slice(0, 10));
  const complete = (body: { part_ids: string[]; md5?: string }) =>
    client.uploads.complete(upload.id, body);
  await assert.rejects(complete({ part_ids: [half.id] }), /10 bytes, 36 were announced/);
  await assert.rejects(complete({ part_ids: [half.id, half.id] }), /part_ids\[1\]/);
  await assert.rejects(complete({ part_ids: ['part_x'] }), /part_ids\[0\].*part_x/);
  const rest = await part(upload.id, TEXT.slice(10));
  const ids = [half.id, rest.id];
  await assert.rejects(complete({ part_ids: ids, md5: '0'.repeat(32) }), /MD5/);
  assert.equal((await complete({ part_ids: ids })).status, 'completed');
});

test('a cancelled upload leaves nothing behind', async () => {
  const upload = await open();
  const stored = api.stored().length;
  await part(upload.id, 'abc');
  assert.equal(api.stored().length, stored + 1);
  assert.equal((await client.uploads.cancel(upload.id)).status, 'cancelled');
  await assert.rejects(client.uploads.cancel(upload.id), /409.*cancelled/);
  assert.equal(api.stored().length, stored);
  await assert.rejects(part(upload.id, 'x'), /409/);
});

test('mistakes name the field', async () => {
  await assert.rejects(open({ bytes: 300_001 }), /413 'bytes' is larger than 300000/);
  await assert.rejects(open({ bytes: undefined }), /Missing required parameter: 'bytes'/);
  await assert.rejects(open({ purpose: 'x' }), /'purpose'/);
  await assert.rejects(part(`upload_${'0'.repeat(32)}`, 'x'), /404/);
  const upload = await open({ filename: 'a.txt', bytes: 3 });
  const { id } = await part(upload.id, 'abc');
  await assert.rejects(client.uploads.complete(upload.id, { part_ids: [id] }), /Must be \.jsonl/);
});
