/** Two API processes on one Redis and one folder: whichever a client reaches, it is one Sluice. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  System,
  chatBody,
  chatLines,
  endOfBatch,
  freePort,
  postBatch,
  rowsAt,
  until,
} from '@sluice/testing';

let system: System;
let both: [string, string];
before(async () => {
  const other = await freePort();
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments: { sim: { provider: sim, model: sim, limits: { rpm: 60000 } } }
pools: { fast: [sim] }
`,
    simulator: {
      ledger: true,
      accounts: { sim: { key: 'key', format: 'openai', latency: { first_token_ms: 100 } } },
    },
  });
  await system.launch('api', [], { PORT: String(other) });
  both = [system.apiUrl, `http://127.0.0.1:${other}`];
});
after(() => system.stop());

interface Answer {
  status: number;
  // The tests say what they expect of it.
  // oxlint-disable-next-line typescript/no-explicit-any
  json: any;
}

async function post(url: string, body: unknown, headers: object = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}

const read = async (url: string): Promise<Answer['json']> => (await fetch(url)).json();

const lines = (name: string, count: number): string =>
  chatLines(count, (i) => chatBody(`${name} ${i}`, { model: 'fast' }));

test('one Idempotency-Key sent to both at once makes one job and one batch', async () => {
  for (let i = 0; i < 10; i++) {
    const headers = { 'idempotency-key': `job-${i}` };
    const order = { model: 'fast', body: chatBody(`once ${i}`) };
    const sent = [...both, ...both].map((url) => post(`${url}/v1/jobs`, order, headers));
    const answers = await Promise.all(sent);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202, 202, 202],
    );
    assert.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
  }
  const headers = { 'idempotency-key': 'batch', 'content-type': 'application/jsonl' };
  const answers = await Promise.all(
    both.map((url) => post(`${url}/v1/batches`, lines('keyed', 3), headers)),
  );
  assert.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
  const { data } = await read(`${both[1]}/v1/batches`);
  assert.equal(data.length, 1);
});

test('a job is followed, awaited and answered at the other one', async () => {
  const { json: job } = await post(`${both[0]}/v1/jobs`, {
    model: 'fast',
    body: chatBody('hello'),
  });
  const [events, waited] = await Promise.all([
    fetch(`${both[1]}/v1/jobs/${job.id}/events`).then((response) => response.text()),
    read(`${both[1]}/v1/jobs/${job.id}?wait_ms=20000`),
  ]);
  assert.equal(waited.status, 'succeeded');
  assert.match(events, /event: job\.succeeded\ndata: .*\n\n$/);
  assert.deepEqual(await read(`${both[0]}/v1/jobs/${job.id}`), waited);
});

test('batches given to both at once end, each line once, and can be followed at the other', async () => {
  const made = await Promise.all(both.map((url, i) => postBatch(url, lines(`b${i}`, 50))));
  await Promise.all(
    made.map(async ({ id }, i) => {
      const other = both[1 - i] as string;
      const rows = await rowsAt<{ custom_id: string }>(
        `${other}/v1/batches/${id}/results?follow=true`,
      );
      const ids = rows.map((row) => row.custom_id);
      assert.equal(new Set(ids).size, 50);
      assert.equal(ids.length, 50);
      const { output_file_id: file } = await endOfBatch(other, id);
      assert.equal((await rowsAt(`${other}/v1/files/${file}/content`)).length, 50);
    }),
  );
});

test('one stops, the other goes on, and a waiting call’s job with it', async () => {
  await system.simulate('sim', { latency: { first_token_ms: 1_500 } });
  const body = chatBody('patience', { model: 'fast' });
  const asked = fetch(`${both[0]}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await until('it is called', async () => {
    const { data } = await read(`${both[1]}/v1/jobs?status=running&limit=1`);
    return data.length === 1;
  });
  await system.end(system.names('api')[0] as string);
  const answer = await asked;
  assert.equal(answer.status, 503);
  const id = answer.headers.get('x-sluice-job-id');
  const job = await read(`${both[1]}/v1/jobs/${id}?wait_ms=20000`);
  assert.equal(job.status, 'succeeded');
  assert.equal(job.attempts.length, 1);
});
