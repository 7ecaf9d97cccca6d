/** A batch is drained while the master of its Redis is killed and sentinels make the replica the master. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import OpenAI, { toFile } from 'openai';
import { System, startSentinels, until } from '@sluice/testing';

const CONFIG = `
providers:
  a: { type: openai, base_url: "{{simulator}}/v1", api_key: key-a }
deployments:
  a: { provider: a, model: sim, timeout_ms: 2000, limits: { rpm: 1800 } }
pools:
  maths: [a]
`;
const SIMULATOR = {
  seed: 3,
  accounts: {
    a: {
      key: 'key-a',
      format: 'openai',
      window: 'bucket_1s',
      answer: 'echo',
      limits: { rpm: 1800 },
    },
  },
};
const LINES = 300;

test(
  'a batch outlives the death of its master, every line once',
  { timeout: 120_000 },
  async (t) => {
    const sentinels = await startSentinels();
    const replica = new Redis(sentinels.replicaUrl);
    const system = await System.start({
      config: CONFIG,
      simulator: SIMULATOR,
      env: { REDIS_URL: sentinels.url },
    });
    // Processes end their work in Redis: it goes last.
    t.after(async () => {
      replica.disconnect();
      await system.stop();
      await sentinels.stop();
    });
    const client = new OpenAI({ baseURL: `${system.apiUrl}/v1`, apiKey: 'any', maxRetries: 0 });
    const ids = Array.from({ length: LINES }, (_, n) => `f-${n}`);
    const lines = ids.map((id) =>
      JSON.stringify({
        custom_id: id,
        method: 'POST',
        url: '/v1/chat/completions',
        body: { model: 'maths', max_tokens: 9, messages: [{ role: 'user', content: id }] },
      }),
    );
    const file = await client.files.create({
      file: await toFile(Buffer.from(`${lines.join('\n')}\n`), 'in.jsonl'),
      purpose: 'batch',
    });
    const { id } = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    const seen = () => client.batches.retrieve(id).catch(() => null);
    await until('a few lines', async () => ((await seen())?.request_counts?.completed ?? 0) > 30);
    process.kill(sentinels.masterPid, 'SIGKILL');
    const batch = await until(
      'the batch ends',
      async () => {
        const now = await seen();
        return now?.status === 'completed' || now?.status === 'failed' ? now : null;
      },
      { timeoutMs: 90_000, everyMs: 100 },
    );
    assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 });
    const text = await (await client.files.content(batch.output_file_id as string)).text();
    const rows = text.split('\n').filter(Boolean);
    const got = rows.map((row) => (JSON.parse(row) as { custom_id: string }).custom_id);
    assert.deepEqual(got.toSorted(), ids.toSorted());
    assert.match(await replica.info('replication'), /role:master/);
  },
);
