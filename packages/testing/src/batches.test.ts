import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { endOfBatch, postBatch } from './batches.ts';
import { startSink } from './http-sink.ts';

/** An API that gives these answers in turn, each a status and a batch's. */
async function apiThat(t: TestContext, ...answers: [code: number, status: string][]) {
  const sink = await startSink((_request, response) => {
    const [code, status] = answers.shift() ?? [500, 'nothing more was expected'];
    response.writeHead(code).end(JSON.stringify({ id: 'b', status }));
  });
  t.after(() => sink.stop());
  return sink;
}

test('a batch that is not taken yet is sent again under its key, one that is refused is an error', async (t) => {
  const api = await apiThat(t, [503, ''], [200, 'validating'], [400, 'no such window']);
  assert.equal((await postBatch(api.url, 'x', { query: { completion_window: '1h' } })).id, 'b');
  assert.equal(new Set(api.requests.map(({ headers }) => headers['idempotency-key'])).size, 1);
  assert.equal(api.requests[1]?.path, '/v1/batches?completion_window=1h');
  await assert.rejects(postBatch(api.url, 'x'), /400 .*no such window/);
});

test('its end is waited for through a 503, and another end than expected is an error at once', async (t) => {
  const api = await apiThat(
    t,
    [503, ''],
    [200, 'in_progress'],
    [200, 'completed'],
    [200, 'failed'],
  );
  assert.equal((await endOfBatch(api.url, 'b')).status, 'completed');
  await assert.rejects(endOfBatch(api.url, 'b'), /batch b has ended otherwise: .*failed/);
  await assert.rejects(endOfBatch(api.url, 'b'), /500/);
});
