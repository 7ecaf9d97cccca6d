import assert from 'node:assert/strict';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import OpenAI5 from 'openai-5';
import { moveBatch, useFile, usersOfFile } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
let client: OpenAI;
const folder = mkdtempSync(join(tmpdir(), 'sluice-input-'));
before(async () => {
  api = await startTestApi({ config: 'server: { max_file_bytes: 300000 }\n' });
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
});

const line = (id: string): string =>
  `{"custom_id":"${id}","method":"POST","url":"/v1/chat/completions","body":{"model":"fast","messages":[]}}\n`;
const LINES = line('a') + line('ü');

for (const [name, make] of [
  ['6', () => new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 })],
  ['5', () => new OpenAI5({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 })],
] as const) {
  test(`openai ${name} uploads a stream, reads it back, lists and deletes it`, async () => {
    const sdk = make();
    const path = join(folder, `täst "${name}".jsonl`);
    writeFileSync(path, LINES);
    const file = await sdk.files.create({ file: createReadStream(path), purpose: 'batch' });
    assert.equal(file.bytes, Buffer.byteLength(LINES));
    assert.equal(file.object, 'file');
    assert.equal(file.status, 'processed');
    assert.equal(file.expires_at, file.created_at + 30 * 86_400);
    assert.deepEqual(await sdk.files.retrieve(file.id), file);
    assert.deepEqual(await sdk.files.waitForProcessing(file.id), file);
    assert.equal(await (await sdk.files.content(file.id)).text(), LINES);
    const listed = await sdk.files.list({ purpose: 'batch' });
    assert.ok(listed.data.some(({ id }) => id === file.id));
    const gone = await sdk.files.delete(file.id);
    assert.deepEqual(gone, { id: file.id, object: 'file', deleted: true });
    await assert.rejects(sdk.files.retrieve(file.id), /404 No such File object/);
    assert.equal(api.stored().includes(file.id), false);
  });
}

test('reading files back warns of no leak', async () => {
  const warnings: string[] = [];
  const hear = ({ message }: Error): unknown => warnings.push(message);
  process.on('warning', hear);
  const file = await client.files.create({
    file: await toFile(Buffer.from(LINES), 'a.jsonl'),
    purpose: 'batch',
  });
  assert.equal(await (await client.files.content(file.id)).text(), LINES);
  await new Promise(setImmediate);
  process.off('warning', hear);
  assert.deepEqual(warnings, []);
});

test('the purpose may come before or after the file, with an expiry', async () => {
  const file = await toFile(Buffer.from(LINES), 'a.jsonl');
  const expires = { anchor: 'created_at' as const, seconds: 3600 };
  const last = await client.files.create({ purpose: 'batch', file, expires_after: expires });
  const first = await client.files.create({ file, purpose: 'batch', expires_after: expires });
  for (const made of [last, first]) assert.equal(made.expires_at, made.created_at + 3600);
});

const uploadNamed = async (name: string, text: string) =>
  client.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'batch' });

test('a file without an extension is taken for a batch when it looks like JSON lines', async () => {
  assert.equal((await uploadNamed('upload', LINES)).filename, 'upload');
  await assert.rejects(uploadNamed('upload', 'hello'), /400 Invalid file format.*upload/);
  await assert.rejects(uploadNamed('a.txt', LINES), /400 Invalid file format.*a\.txt/);
  await assert.rejects(uploadNamed('empty.jsonl', ''), /400 'file' cannot be used: it is empty/);
});

test('lists page without repeating or leaving out', async () => {
  const made: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    const file = await toFile(Buffer.from(LINES), `${i}.jsonl`);
    made.push((await client.files.create({ file, purpose: 'user_data' })).id);
  }
  const ids: string[] = [];
  const query = { limit: 1, purpose: 'user_data', order: 'asc' as const };
  for await (const file of client.files.list(query)) ids.push(file.id);
  assert.deepEqual(ids, made);
  const newest = await client.files.list({ purpose: 'user_data' });
  assert.deepEqual(
    newest.data.map(({ id }) => id),
    made.toReversed(),
  );
});

test('mistakes in the form name the field, and leave nothing behind', async () => {
  const stored = api.stored().length;
  const send = async (fields: [string, Blob | string][]) => {
    const form = new FormData();
    for (const [name, value] of fields) {
      if (typeof value === 'string') form.append(name, value);
      else form.append(name, value, 'a.jsonl');
    }
    const response = await fetch(`${api.url}/v1/files`, { method: 'POST', body: form });
    const { error } = (await response.json()) as { error: { code: string; param: string } };
    return [response.status, error.code, error.param];
  };
  const file: [string, Blob] = ['file', new Blob([LINES])];
  const missing = 'missing_required_parameter';
  assert.deepEqual(await send([file]), [400, missing, 'purpose']);
  assert.deepEqual(await send([['purpose', 'batch']]), [400, missing, 'file']);
  assert.deepEqual(await send([file, ['purpose', 'x']]), [400, 'invalid_value', 'purpose']);
  assert.deepEqual(await send([file, ['purpose', 'batch'], ['a', 'b']]), [
    400,
    'unknown_parameter',
    'a',
  ]);
  const soon: [string, string][] = [
    ['purpose', 'batch'],
    ['expires_after[seconds]', '60'],
  ];
  assert.deepEqual(await send([file, ...soon]), [400, 'invalid_value', 'expires_after[seconds]']);
  assert.deepEqual(
    await send([
      ['file', LINES],
      ['purpose', 'batch'],
    ]),
    [400, 'invalid_type', 'file'],
  );
  const json = await api.call('POST /v1/files', { file: 'x' });
  assert.deepEqual([json.status, json.json.error.code], [415, 'unsupported_media_type']);
  assert.equal(api.stored().length, stored);
});

test('a file over the limit is refused while it streams, and leaves nothing behind', async () => {
  const stored = api.stored().length;
  const file = await toFile(Buffer.alloc(5_000_000, 'a'), 'big.jsonl');
  await assert.rejects(client.files.create({ file, purpose: 'batch' }), (error: unknown) => {
    assert.ok(error instanceof OpenAI.APIError);
    assert.equal(error.status, 413);
    assert.match(
      error.message,
      /'file' is larger than 300000 bytes, `server\.max_file_bytes` of the config/,
    );
    return true;
  });
  assert.equal(api.stored().length, stored);
});

test('an upload that is cut off leaves nothing behind', async () => {
  const stored = api.stored().length;
  const socket = connect(api.port, '127.0.0.1');
  const head =
    'POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\n' +
    'content-length: 200000\r\n\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="cut.jsonl"\r\n\r\n';
  socket.write(head + 'a'.repeat(100_000));
  await until('the upload has begun', () => api.stored().length > stored);
  socket.destroy();
  await until('nothing of it is left', () => api.stored().length === stored);
  const listed = await client.files.list();
  assert.ok(listed.data.every(({ filename }) => filename !== 'cut.jsonl'));
});

test('a form that ends too early is refused', async () => {
  const body = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\nabc';
  const type = { 'content-type': 'multipart/form-data; boundary=x' };
  const { status, json } = await api.call('POST /v1/files', body, type);
  assert.deepEqual([status, json.error.code], [400, 'invalid_form']);
});

const uploadOnce = async (text: string) => {
  const file = await toFile(Buffer.from(text), 'once.jsonl');
  return client.files.create({ file, purpose: 'batch' }, { headers: { 'Idempotency-Key': 'f' } });
};

test('the same Idempotency-Key keeps one file; other bytes are refused', async () => {
  const first = await uploadOnce(LINES);
  const stored = api.stored().length;
  assert.deepEqual(await uploadOnce(LINES), first);
  await assert.rejects(uploadOnce(line('b')), /409/);
  assert.equal(api.stored().length, stored);
});

test('a file that a batch reads is not deleted under it', async () => {
  const file = await client.files.create({
    file: await toFile(Buffer.from(LINES), 'a.jsonl'),
    purpose: 'batch',
  });
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const refused = await api.call(`DELETE /v1/files/${file.id}`);
  assert.equal(refused.status, 409);
  assert.match(refused.json.error.message, new RegExp(`${batch.id}, which is validating`));
  await moveBatch(api.ledger, batch.id, { from: ['validating'], to: 'failed' });
  assert.equal((await api.call(`DELETE /v1/files/${file.id}`)).status, 200);
});

test('a file is not deleted under a batch that is being made of it', async () => {
  for (let i = 0; i < 20; i += 1) {
    const { id } = await uploadNamed('race.jsonl', LINES);
    const order = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' };
    const [made, deleted] = await Promise.all([
      api.call('POST /v1/batches', order),
      api.call(`DELETE /v1/files/${id}`),
    ]);
    const both = [made.status, deleted.status];
    const won = made.status === 200 ? [200, 409] : [400, 200];
    assert.deepEqual(both, won);
    assert.equal(api.stored().includes(id), made.status === 200);
  }
});

test('a file that was noted for a batch this moment is in use; a repeated batch leaves no note', async () => {
  const { id } = await uploadNamed('noted.jsonl', LINES);
  await useFile(api.ledger, id, `batch_${'0'.repeat(32)}`);
  const { status, json, headers } = await api.call(`DELETE /v1/files/${id}`);
  assert.deepEqual([status, json.error.code], [409, 'file_in_use']);
  assert.equal(headers.get('x-should-retry'), 'false');
  const order = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' };
  const key = { 'idempotency-key': 'noted' };
  const first = await api.call('POST /v1/batches', order, key);
  assert.equal((await api.call('POST /v1/batches', order, key)).json.id, first.json.id);
  const users = await usersOfFile(api.ledger, id);
  assert.deepEqual(
    users.filter((user) => !/^batch_0+$/.test(user)),
    [first.json.id],
  );
});
