/** The folder of files goes away in mid-batch, for longer than any process looks away, and comes back: nothing is lost or bought twice. */
import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  System,
  batchWhen,
  chatBody,
  chatLines,
  endOfBatch,
  postBatch,
  rowsAt,
} from '@sluice/testing';

const BATCHES = 12;
const LINES = 15;
/** Longer than a process takes to look at its files and to believe that they are others. */
const AWAY_MS = 9_000;

const CONFIG = `
providers: { a: { type: openai, base_url: "{{simulator}}/v1", api_key: k } }
deployments: { a: { provider: a, model: sim, limits: { rpm: 1500 } } }
pools: { f: [a] }
`;
const ACCOUNT = { key: 'k', format: 'openai', latency: { first_token_ms: 100 } };

const ask = (i: number) => chatBody(`question ${i}`, { model: 'f', max_tokens: 10 });

test('a folder that is moved away and back costs no line and no call, and no process ends', async () => {
  const system = await System.start({
    config: CONFIG,
    simulator: { ledger: true, accounts: { a: ACCOUNT } },
  });
  const { apiUrl } = system;
  const [folder, away] = [join(system.folder, 'files'), join(system.folder, 'away')];
  try {
    const posted = await Promise.all(
      Array.from({ length: BATCHES }, () => postBatch(apiUrl, chatLines(LINES, ask))),
    );
    const ids = posted.map(({ id }) => id);
    await batchWhen(apiUrl, ids[0] as string, ({ request_counts: c }) => c.completed > 0);
    renameSync(folder, away);
    // How long it is away is what is tested.
    await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
    assert.ok(!existsSync(folder), 'it was made anew');
    renameSync(away, folder);
    for (const id of ids) {
      const { request_counts: counts } = await endOfBatch(apiUrl, id);
      assert.deepEqual(counts, { total: LINES, completed: LINES, failed: 0 });
      assert.equal((await rowsAt(`${apiUrl}/v1/batches/${id}/results`)).length, LINES);
    }
    const calls = await rowsAt(`${system.simulatorUrl}/_sim/ledger`);
    assert.equal(calls.length, BATCHES * LINES);
    for (const role of ['api', 'dispatcher', 'worker'] as const)
      for (const name of system.names(role)) assert.equal(system.childOf(name).exitCode, null);
  } finally {
    await system.stop();
  }
});
