/** A batch is drained while the master of its Redis is killed and sentinels make the replica the master. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import {
  System,
  batchWhen,
  chatBody,
  chatLine,
  endOfBatch,
  postBatch,
  rowsAt,
  startSentinels,
} from '@sluice/testing';

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
    const { apiUrl } = system;
    const ids = Array.from({ length: LINES }, (_, n) => `f-${n}`);
    const lines = ids.map((id) => chatLine(id, chatBody(id, { model: 'maths', max_tokens: 9 })));
    const { id } = await postBatch(apiUrl, lines.join('\n'));
    await batchWhen(apiUrl, id, ({ request_counts: counts }) => counts.completed > 30);
    process.kill(sentinels.masterPid, 'SIGKILL');
    const batch = await endOfBatch(apiUrl, id, { timeoutMs: 90_000, everyMs: 100 });
    assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 });
    const rows = await rowsAt<{ custom_id: string }>(
      `${apiUrl}/v1/files/${batch.output_file_id}/content`,
    );
    assert.deepEqual(rows.map((row) => row.custom_id).toSorted(), ids.toSorted());
    assert.match(await replica.info('replication'), /role:master/);
  },
);
