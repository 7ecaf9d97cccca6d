/** A deployment that hangs for a while, in the middle of a batch: it is back in service while the batch still drains. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, postBatch, until } from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

const RPM = 1_200;
const TIMEOUT_MS = 6_000;
const LINES = 4_000;
let system: System;

before(async () => {
  const names = ['a', 'b'];
  system = await System.start({
    config: `
providers:
${names.map((name) => `  ${name}: { type: openai, base_url: "{{simulator}}/v1", api_key: ${name} }`).join('\n')}
deployments:
${names.map((name) => `  ${name}: { provider: ${name}, model: m, timeout_ms: ${TIMEOUT_MS}, limits: { rpm: ${RPM} } }`).join('\n')}
pools: { fast: [${names.join(', ')}] }
`,
    env: { LOG_LEVEL: 'info' },
    simulator: {
      ledger: true,
      accounts: Object.fromEntries(
        names.map((key) => [
          key,
          { key, format: 'openai', limits: { rpm: RPM }, latency: { first_token_ms: 150 } },
        ]),
      ),
    },
  });
});
after(() => system.stop());

interface Call {
  account: string;
  at_ms: number;
  status: number | null;
}

const callsOfA = async (): Promise<Call[]> => {
  const calls = await system.simulatedCalls<Call>();
  return calls.filter(({ account }) => account === 'a');
};
const now = async (): Promise<number> => (await system.simulated<{ now_ms: number }>()).now_ms;
const stateOfA = async (): Promise<string> => {
  const text = await (await fetch(`${system.apiUrl}/admin/deployments`)).text();
  const { data } = JSON.parse(text) as { data: { id: string; state: string }[] };
  return data.find(({ id }) => id === 'a')?.state ?? 'missing';
};
const log = (): string =>
  system
    .names('dispatcher')
    .map((name) => system.logOf(name))
    .join('\n');
const enough = { timeoutMs: 60_000, everyMs: 50 };

test('a deployment that hung returns to service while the batch drains', async () => {
  const lines = chatLines(LINES, (i) => chatBody(`${i}`, { model: 'fast', max_tokens: 5 }));
  const { id } = await postBatch(system.apiUrl, lines);
  await until('it is used', async () => (await callsOfA()).length >= 20, enough);

  // It answers again before the first of its calls times out; the last that hung ends nearly a timeout after the first.
  await system.simulate('a', { faults: [{ kind: 'hang', for_ms: TIMEOUT_MS - 100 }] });
  await until('the breaker opens', async () => (await stateOfA()) === 'broken', enough);
  const opened = await now();
  await until('it is active again', async () => (await stateOfA()) === 'active', enough);
  const activeAfterMs = (await now()) - opened;
  // The first back-off is 5 s at most; three trials take half a second each at most.
  assert.ok(
    activeAfterMs < 5_000 + 3_000,
    `active ${activeAfterMs} ms after its breaker opened\n${log()}`,
  );

  const answered = await until(
    'it has work again',
    async () => {
      const calls = await callsOfA();
      const since = calls.filter(({ at_ms: at, status }) => at >= opened && status === 200);
      return since.length >= 60 ? since.length : null;
    },
    enough,
  );
  const batch = await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).json();
  const { request_counts: counts } = batch as SeenBatch;
  assert.ok(counts.completed < LINES, `still draining: ${counts.completed}; ${answered} answers`);
  assert.equal(counts.failed, 0);
});
