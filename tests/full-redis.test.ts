/**
 * Redis is full for a while, and evicts nothing: what was answered is recorded, who begins to lead then leads, the log says why
 * nothing moves; with room again all goes on at once, each line called once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  batchWhen,
  chatBody,
  chatLines,
  endOfBatch,
  postBatch,
  System,
  until,
} from '@sluice/testing';
import { Redis } from 'ioredis';

const LINES = 150;

const start = (): Promise<System> =>
  System.start({
    config: `
providers: { a: { type: openai, base_url: "{{simulator}}/v1", api_key: k } }
deployments: { a: { provider: a, model: sim, timeout_ms: 2000, limits: { rpm: 3000 } } }
pools: { f: [a] }
`,
    simulator: {
      ledger: true,
      accounts: {
        a: { key: 'k', format: 'openai', limits: { rpm: 3_000 }, latency: { first_token_ms: 40 } },
      },
    },
  });

const ask = (i: number) => chatBody(`question ${i}`, { model: 'f', max_tokens: 10 });

test('a full Redis holds work up only as long as it is full, also when the leader dies meanwhile', async () => {
  const system = await start();
  const operator = new Redis(system.redis.url);
  try {
    const { apiUrl } = system;
    const { id } = await postBatch(apiUrl, chatLines(LINES, ask), {
      query: 'completion_window=1h',
    });
    const completed = async (): Promise<number> =>
      (await batchWhen(apiUrl, id, () => true)).request_counts.completed;
    const calls = async (): Promise<number> => (await system.simulatedCalls()).length;
    await until('some lines', async () => (await completed()) > 20);

    await operator.config('SET', 'maxmemory', '1');
    const [first] = system.names('dispatcher') as [string];
    await system.end(first, 'SIGKILL');
    await system.launch('dispatcher');
    const [next] = system.names('dispatcher') as [string];
    await until('it leads, feeds nothing and says why', () => {
      const log = system.logOf(next);
      return /"what":"feeding","error":"ReplyError: OOM/.test(log) && /Redis is full/.test(log);
    });
    await until(
      'what was answered is recorded',
      async () => (await completed()) === (await calls()),
    );
    assert.ok((await calls()) < LINES);
    assert.doesNotMatch(system.logOf(next), /lead lost/);

    await operator.config('SET', 'maxmemory', '0');
    const { request_counts: counts } = await endOfBatch(apiUrl, id);
    assert.deepEqual(counts, { total: LINES, completed: LINES, failed: 0 });
    assert.equal(await calls(), LINES);
  } finally {
    operator.disconnect();
    await system.stop();
  }
});
