/** Sluice's own Redis dies in mid-batch and comes back, a worker dies while its deployment is sick: everything goes on by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { System, batchWhen, chatBody, chatLines, endOfBatch, postBatch } from '@sluice/testing';

const RATE = 'limits: { rpm: 3000 }';

async function start(limits = RATE, budgets = ''): Promise<System> {
  return System.start({
    config: `
providers: { a: { type: openai, base_url: "{{simulator}}/v1", api_key: k } }
deployments: { a: { provider: a, model: sim, timeout_ms: 2000, ${limits} } }
pools: { f: [a] }
${budgets}
`,
    simulator: {
      ledger: true,
      accounts: {
        a: {
          key: 'k',
          format: 'openai',
          limits: { rpm: 3_000 },
          latency: { first_token_ms: 40 },
        },
      },
    },
  });
}

async function submit(system: System, lines: string): Promise<string> {
  const { id } = await postBatch(system.apiUrl, lines, { query: 'completion_window=1h' });
  return id;
}

const ask = (i: number) => chatBody(`question ${i}`, { model: 'f', max_tokens: 10 });
const completed = ({ apiUrl }: System, id: string, more: number) =>
  batchWhen(apiUrl, id, ({ request_counts: counts }) => counts.completed > more, {
    what: `more than ${more} lines`,
  });
const end = ({ apiUrl }: System, id: string) => endOfBatch(apiUrl, id, { timeoutMs: 90_000 });

test('Redis is killed for three seconds: the batch goes on, every line once', async () => {
  const system = await start();
  try {
    const id = await submit(system, chatLines(300, ask));
    await completed(system, id, 40);
    process.kill(system.redis.pid, 'SIGKILL');
    // The length of the outage is what is tested: longer than every retry of a single command.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await system.redis.restart();
    const batch = await end(system, id);
    assert.deepEqual(batch.request_counts, { total: 300, completed: 300, failed: 0 });
  } finally {
    await system.stop();
  }
});

test('a worker is killed, then its deployment fails for a while: it is tried again and the batch ends', async () => {
  const system = await start();
  try {
    const id = await submit(system, chatLines(400, ask));
    await completed(system, id, 40);
    await system.end(system.names('worker')[0] as string, 'SIGKILL');
    await system.launch('worker');
    await completed(system, id, 120);
    await system.simulate('a', { faults: [{ kind: 'error', for_ms: 3_000 }] });
    const batch = await end(system, id);
    assert.deepEqual(batch.request_counts, { total: 400, completed: 400, failed: 0 });
  } finally {
    await system.stop();
  }
});

test('workers die holding permits of a shared budget: the permits lapse, the batch ends', async () => {
  const system = await start('budget: team', 'budgets: { team: { concurrency: 4 } }');
  try {
    await system.simulate('a', { latency: { first_token_ms: 400 } });
    const id = await submit(system, chatLines(60, ask));
    for (const lines of [4, 12]) {
      await completed(system, id, lines);
      await system.end(system.names('worker')[0] as string, 'SIGKILL');
      await system.launch('worker');
    }
    const batch = await end(system, id);
    assert.deepEqual(batch.request_counts, { total: 60, completed: 60, failed: 0 });
  } finally {
    await system.stop();
  }
});
