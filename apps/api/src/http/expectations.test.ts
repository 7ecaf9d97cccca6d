import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { chat, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi({ config: 'server: { max_body_bytes: 2000, max_file_bytes: 3000 }\n' });
});
after(() => api.stop());

/** What the server says to the head alone, and then to the body where it wants that. */
async function ask(path: string, type: string, length: number, body = ''): Promise<string> {
  const socket = connect(api.port, '127.0.0.1').setEncoding('utf8');
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'connection: close',
    `content-type: ${type}`,
  ];
  const more = [`content-length: ${length}`, 'expect: 100-continue', '', ''];
  socket.write([...head, ...more].join('\r\n'));
  let text = '';
  socket.setEncoding('utf8').on('data', (data: string) => {
    if (data.startsWith('HTTP/1.1 100')) socket.write(body);
    text += data;
  });
  await once(socket, 'close');
  return text;
}

test('who asks before sending a body that is too large is refused at once', async () => {
  const cases = [
    ['/v1/jobs', 'application/json', 2_001, 'body'],
    ['/v1/batches?completion_window=24h', 'application/jsonl', 3_001, 'body'],
    ['/v1/files', 'multipart/form-data; boundary=x', 5_000_000, 'file'],
    ['/v1/uploads/upload_1/parts', 'multipart/form-data; boundary=x', 100_000_000, 'data'],
  ] as const;
  for (const [path, type, length, field] of cases) {
    const text = await ask(path, type, length);
    assert.match(text, /^HTTP\/1\.1 413 /, path);
    assert.match(text, /connection: close/i);
    assert.match(text, /x-request-id: req_\w+/);
    assert.match(text, /x-content-type-options: nosniff/);
    assert.match(text, new RegExp(`"param":"${field}"`));
  }
});

test('who asks before sending one that fits is told to go on, and answered', async () => {
  const body = JSON.stringify({ model: 'fast', body: chat() });
  const text = await ask('/v1/jobs', 'application/json', body.length, body);
  assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 /);
});
