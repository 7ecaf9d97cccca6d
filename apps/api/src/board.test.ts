import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { maskedData } from './board.ts';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

test('references are shown, everything else by its kind', () => {
  assert.deepEqual(
    maskedData({ id: 'job_1', epoch: 2, body: 'a prompt', list: [{ id: 'x', t: 'y' }] }),
    {
      id: 'job_1',
      epoch: 2,
      body: 'text of 8 characters',
      list: [{ id: 'x', t: 'text of 1 characters' }],
    },
  );
});

test('the board lists the queues, read-only, and says what is in them without prompts', async () => {
  await api.call('POST /v1/jobs', { model: 'fast', body: chat('a secret prompt') });
  await api.ledger.redis.hset(api.ledger.keys.health, 'mini', '{"state":"active","share":0.25}');
  const page = await api.call('GET /admin/queues/');
  assert.equal(page.status, 200);
  assert.match(page.text, /<div id="root">/);
  assert.doesNotMatch(page.text, /googleapis/);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'self'/);
  const { json, text } = await api.call('GET /admin/queues/api/queues?activeQueue=jobs-fast');
  const names = json.queues.map(({ name }: { name: string }) => name);
  assert.ok(
    ['jobs-fast', 'run-mini', 'fallback-smart', 'batches', 'dead', 'webhooks'].every((one) =>
      names.includes(one),
    ),
  );
  assert.doesNotMatch(text, /secret/);
  const mini = json.queues.find(({ name }: { name: string }) => name === 'run-mini');
  assert.match(
    mini.description,
    /^active · share 25 % · rpm 0 % of 600 · an entry is a chunk of one or more jobs$/,
  );
  const { description } = json.queues.find(({ name }: { name: string }) => name === 'jobs-fast');
  assert.equal(
    description,
    'waiting here, in the ledger and in files: 1 · single jobs, waiting to be placed',
  );
  for (const { readOnlyMode } of json.queues) assert.equal(readOnlyMode, true);
  const refused = await api.call('PUT /admin/queues/api/queues/jobs-fast/pause');
  assert.equal(refused.status, 405);
});
