/** Jobs with a large `max_tokens` beside a batch: what they take of a key for a while shows in the batch's end at once, and in words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { System, batchWhen, chatBody, chatLines, postBatch, until } from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

interface Batch extends SeenBatch {
  created_at: number;
  sluice: { eta_at: number | null; blocked: { deployment: string; reason: string }[] };
}

interface Deployments {
  data: { id: string; plan: string | null }[];
}

const account = (key: string) => ({
  key,
  format: 'openai',
  limits: { rpm: 6_000, tpm: 10_000_000 },
  latency: { first_token_ms: 20 },
  output_tokens: { mean: 5 },
});

const endIn = ({ created_at, sluice }: Batch): number => (sluice.eta_at ?? 0) - created_at;

const KEY = 'model: m, limits: { rpm: 300, tpm: 60000 }';

test('a key that a job speaks for is out of the estimate at once, and named', async () => {
  const system = await System.start({
    config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
  two: { type: openai, base_url: "{{simulator}}/v1", api_key: two }
deployments:
  a: { provider: one, ${KEY} }
  b: { provider: two, ${KEY} }
pools: { both: [a, b], only: [b] }
`,
    simulator: { accounts: { one: account('one'), two: account('two') } },
  });
  const { apiUrl } = system;
  try {
    const lines = chatLines(1_000, (i) => chatBody(`q ${i}`, { model: 'both', max_tokens: 8 }));
    const { id } = await postBatch(apiUrl, lines);
    const isRunning = ({ request_counts: { completed } }: Batch) => completed >= 60;
    const before = await batchWhen<Batch>(apiUrl, id, isRunning);
    assert.deepEqual(before.sluice.blocked, [], 'at full speed nothing is in the way');

    const body = chatBody('large', { model: 'only', max_tokens: 45_000 });
    const reply = await fetch(`${apiUrl}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'only', body }),
    });
    assert.equal(reply.status, 202, await reply.text());
    const isNamed = ({ sluice }: Batch) => sluice.blocked.length > 0;
    const named = await batchWhen<Batch>(apiUrl, id, isNamed);
    const [{ deployment, reason } = { deployment: '', reason: '' }] = named.sluice.blocked;
    assert.match(`${deployment}: ${reason}`, /^b: limit tpm of budget b is used up until 20/);

    // 45 s of one key of two.
    const jumped = (batch: Batch) => endIn(batch) > endIn(before) + 15;
    const asked = Date.now();
    const after = await batchWhen<Batch>(apiUrl, id, jumped);
    assert.ok(Date.now() - asked < 10_000, 'told long before it is lost');
    assert.ok(endIn(after) < endIn(before) + 32, `${endIn(before)} s, then ${endIn(after)} s`);
    const words = await until('the plan to say it', async () => {
      const { data } = (await (await fetch(`${apiUrl}/admin/deployments`)).json()) as Deployments;
      const said = data.find((one) => one.id === 'b')?.plan ?? '';
      return said.includes('booked ahead') ? said : null;
    });
    assert.match(words, /its tpm is booked ahead, so nothing starts there for \d/);
    await fetch(`${apiUrl}/v1/batches/${id}/cancel`, { method: 'POST' });
  } finally {
    await system.stop();
  }
});
