/** A day's limit that is used up: what can go elsewhere does, at once, and whoever has nowhere to go is told why it waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { System, until } from '@sluice/testing';

interface Batch {
  id: string;
  status: string;
  request_counts: { total: number; completed: number };
  sluice: {
    eta_at: number | null;
    by_deployment: Record<string, number>;
    blocked: { deployment: string; reason: string }[];
  };
}

interface DryRun {
  eta_at: number;
  deadline: { meets: boolean };
}

const account = (key: string) => ({ key, format: 'openai', limits: { rpm: 6_000 } });

test('lines go to the next tier when a day is used up; those that may not say what they wait for', async () => {
  const system = await System.start({
    config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
  two: { type: openai, base_url: "{{simulator}}/v1", api_key: two }
deployments:
  day: { provider: one, model: m, limits: { rpm: 6000, rpd: 30 } }
  free: { provider: two, model: m, limits: { rpm: 6000 } }
pools: { both: { tiers: [[day], [free]] }, only: [day] }
`,
    simulator: { accounts: { one: account('one'), two: account('two') } },
  });
  const post = async <T = Batch>(model: string, lines: number, query = ''): Promise<T> => {
    const text = Array.from({ length: lines }, (_, i) =>
      JSON.stringify({
        custom_id: `${i}`,
        method: 'POST',
        url: '/v1/chat/completions',
        body: { model, max_tokens: 8, messages: [{ role: 'user', content: `q ${i}` }] },
      }),
    ).join('\n');
    const headers = { 'content-type': 'application/jsonl' };
    const url = `${system.apiUrl}/v1/batches${query}`;
    return (await (await fetch(url, { method: 'POST', headers, body: text })).json()) as T;
  };
  const read = async (id: string): Promise<Batch> =>
    (await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).json()) as Batch;
  try {
    const days = await post<DryRun>('only', 100, '?dry_run=true');
    const inDays = (days.eta_at - Date.now() / 1_000) / 86_400;
    assert.ok(inDays > 2.9 && inDays < 3.1, `30 now, then 30 a day: in ${inDays} days`);
    assert.equal(days.deadline.meets, false);

    const { id: both } = await post('both', 200);
    const done = await until('the end', async () => {
      const batch = await read(both);
      return batch.status === 'completed' ? batch : null;
    });
    assert.equal(done.request_counts.completed, 200);
    assert.equal(done.sluice.by_deployment['day'], 30, 'all that its day allows, and no more');

    const { id: only } = await post('only', 5);
    const waiting = await until('it says why it waits', async () => {
      const batch = await read(only);
      return batch.sluice.blocked.length > 0 && batch.sluice.eta_at === null ? batch : null;
    });
    const [{ deployment, reason } = { deployment: '', reason: '' }] = waiting.sluice.blocked;
    assert.equal(deployment, 'day');
    assert.match(reason, /^rpd of budget day is used up: 30 of 30; something comes back at 20/);
  } finally {
    await system.stop();
  }
});
