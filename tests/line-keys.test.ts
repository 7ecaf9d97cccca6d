/** `hash`: the lines of a batch that belong to one user go where that user's single jobs go, whatever their order. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch, rowsAt } from '@sluice/testing';

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments:
  a: { provider: sim, model: sim, limits: { rpm: 60000 } }
  b: { provider: sim, model: sim, limits: { rpm: 60000 } }
  c: { provider: sim, model: sim, limits: { rpm: 60000 } }
pools: { agents: { strategy: hash, tiers: [[a, b, c]] } }
`,
    simulator: { ledger: true, accounts: { sim: { key: 'key', format: 'openai' } } },
  });
});
after(() => system.stop());

const USERS = Array.from({ length: 6 }, (_, i) => `user-${i}`);

const bodyOf = (user: string) => chatBody('hi', { model: 'agents', user });

interface Shown {
  custom_id: string;
  sluice: { deployment: string };
}

async function homeOf(user: string): Promise<string> {
  const response = await fetch(`${system.apiUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(bodyOf(user)),
  });
  const id = response.headers.get('x-sluice-job-id') ?? '';
  const job = await (await fetch(`${system.apiUrl}/v1/jobs/${id}`)).json();
  const { attempts } = job as { attempts: { deployment: string }[] };
  return attempts[0]?.deployment ?? '';
}

async function runBatch(lines: string): Promise<Shown[]> {
  const { id } = await postBatch(system.apiUrl, lines);
  await endOfBatch(system.apiUrl, id);
  return rowsAt(`${system.apiUrl}/v1/batches/${id}/results`);
}

test('60 lines of six users in turn: each user has one home, that of its single jobs', async () => {
  const homes = new Map(
    await Promise.all(USERS.map(async (user) => [user, await homeOf(user)] as const)),
  );
  assert.ok(new Set(homes.values()).size > 1, 'not all the same');
  const results = await runBatch(chatLines(60, (i) => bodyOf(USERS[i % USERS.length] as string)));
  assert.equal(results.length, 60);
  for (const { custom_id: id, sluice } of results)
    assert.equal(sluice.deployment, homes.get(USERS[Number(id) % USERS.length] as string), id);
});
