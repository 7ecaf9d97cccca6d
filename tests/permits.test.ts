/** Permits for calls at once are short leases: those of a killed worker lapse soon, a stopped one that wakes breaks no count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { System, batchWhen, chatBody, chatLines, postBatch, until } from '@sluice/testing';

const CONCURRENCY = 4;
/** What is promised: moving again this long after a worker was killed, however long its calls may take. */
const MOVING_WITHIN_MS = 15_000;

const start = (): Promise<System> =>
  System.start({
    config: `
providers: { a: { type: openai, base_url: "{{simulator}}/v1", api_key: k } }
deployments: { a: { provider: a, model: sim, timeout_ms: 60000, limits: { concurrency: ${CONCURRENCY} } } }
pools: { f: [a] }
`,
    simulator: {
      ledger: true,
      accounts: { a: { key: 'k', format: 'openai', latency: { first_token_ms: 1_000 } } },
    },
  });

const ask = (i: number) => chatBody(`question ${i}`, { model: 'f', max_tokens: 10 });

async function submit({ apiUrl }: System, lines: number): Promise<string> {
  const { id } = await postBatch(apiUrl, chatLines(lines, ask), {
    query: 'completion_window=1h',
  });
  return id;
}

const completed = ({ apiUrl }: System, id: string, more: number) =>
  batchWhen(apiUrl, id, ({ request_counts: counts }) => counts.completed > more, {
    what: `more than ${more} lines`,
  });

const inFlight = async (system: System): Promise<number> => {
  const answer = await fetch(`${system.apiUrl}/admin/deployments`);
  const { data } = (await answer.json()) as { data: { in_flight: number }[] };
  return data[0]?.in_flight ?? -1;
};

const calls = async (system: System): Promise<number> => (await system.simulatedCalls()).length;

test('a worker is killed in mid-call: its permits lapse within seconds, not with the timeout of its calls', async () => {
  const system = await start();
  try {
    const id = await submit(system, 40);
    await completed(system, id, 4);
    await system.end(system.names('worker')[0] as string, 'SIGKILL');
    const killed = performance.now();
    await system.launch('worker');
    const before = await calls(system);
    await until('a call', async () => (await calls(system)) > before, { timeoutMs: 60_000 });
    const ms = performance.now() - killed;
    assert.ok(ms <= MOVING_WITHIN_MS, `moving again after ${Math.round(ms)} ms`);
    await completed(system, id, 39);
    await until('no calls in flight', async () => (await inFlight(system)) === 0);
  } finally {
    await system.stop();
  }
});

test('a stopped worker wakes after its permits were given to another: the count stays right', async () => {
  const system = await start();
  try {
    const id = await submit(system, 60);
    await completed(system, id, 4);
    const stopped = system.pid(system.names('worker')[0] as string);
    process.kill(stopped, 'SIGSTOP');
    await system.launch('worker');
    const before = await calls(system);
    await until('a call', async () => (await calls(system)) > before + CONCURRENCY, {
      timeoutMs: 60_000,
    });
    process.kill(stopped, 'SIGCONT');
    await completed(system, id, 59);
    await until('no calls in flight', async () => (await inFlight(system)) === 0);
    const again = await submit(system, 8);
    await completed(system, again, 7);
  } finally {
    await system.stop();
  }
});
