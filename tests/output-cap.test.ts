/** `output_cap`: a maximum for requests that set none, in the call, the estimate, the bookings and the record. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch, rowsAt } from '@sluice/testing';

/** An account that charges the maximum at admission; an answer wants 60 tokens, and may have 1,024 where nothing is set. */
let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: k } }
deployments:
  capped: { provider: sim, model: m, output_cap: 40, limits: { tpm: 60000 } }
  newer: { provider: sim, model: n, output_cap: 40, output_cap_param: max_completion_tokens }
  plain: { provider: sim, model: n, limits: { tpm: 600000 } }
pools: { fast: [capped], newer: [newer], plain: [plain] }
`,
    simulator: {
      ledger: true,
      accounts: {
        sim: { key: 'k', format: 'openai', models: { m: { limits: { tpm: 60_000 } }, n: {} } },
      },
    },
  });
});
after(() => system.stop());

const INCOMPLETE = ['incomplete', 'max_output_tokens'];

interface Attempt {
  outcome: string;
  output_cap?: number;
  usage: { output_tokens: number };
}

const { messages } = chatBody('hi');

async function ask(path: string, body: object) {
  const response = await fetch(`${system.apiUrl}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const job = await fetch(
    `${system.apiUrl}/v1/jobs/${response.headers.get('x-sluice-job-id') ?? ''}`,
  );
  const { attempts } = (await job.json()) as { attempts: Attempt[] };
  // What they expect of it the tests say.
  const json = JSON.parse(text);
  return { json, header: response.headers.get('x-sluice-output-cap'), attempt: attempts.at(-1) };
}

test('an answer without a maximum is cut off at the cap, and answer and record say why', async () => {
  for (const model of ['fast', 'newer']) {
    const { json, header, attempt } = await ask('chat/completions', { model, messages });
    assert.deepEqual([json.choices[0].finish_reason, json.usage.completion_tokens], ['length', 40]);
    assert.deepEqual([header, attempt?.output_cap, attempt?.usage.output_tokens], ['40', 40, 40]);
  }
});

test('other endpoints have it by their own name for it', async () => {
  const { json, header } = await ask('responses', { model: 'newer', input: 'hi' });
  assert.deepEqual([json.max_output_tokens, header], [40, '40']);
  assert.deepEqual([json.status, json.incomplete_details.reason], INCOMPLETE);
  const text = await ask('completions', { model: 'newer', prompt: ['a', 'b'] });
  assert.deepEqual([text.json.choices[0].finish_reason, text.header], ['length', '20']);
});

test('what writes nothing has none', async () => {
  const { header, attempt } = await ask('embeddings', { model: 'fast', input: ['hi'] });
  assert.equal(header, null);
  assert.ok(attempt && attempt.output_cap === undefined);
});

test('a maximum of the client’s own stands, and nothing is said of a cap', async () => {
  const { json, header, attempt } = await ask('chat/completions', {
    model: 'fast',
    messages,
    max_tokens: 50,
  });
  assert.equal(json.usage.completion_tokens, 50);
  assert.equal(header, null);
  assert.ok(attempt && !('output_cap' in attempt));
});

const LINES = chatLines(60, (i) => chatBody(`question ${i}`, { model: 'fast' }));

test('the estimate counts with it: no answer is longer, and the limit lets that many more through', async () => {
  const { output_tokens: output, ideal_ms: idealMs } = await postBatch<{
    output_tokens: { high: number };
    ideal_ms: number;
  }>(system.apiUrl, LINES, { query: 'dry_run=true' });
  assert.equal(output.high, 60 * 40);
  // With 1,024 each it would be a minute.
  assert.ok(idealMs < 10_000, `${idealMs} ms`);
});

interface Row {
  response: { body: { choices: { finish_reason: string }[] } };
  sluice: { attempts: Attempt[] };
}

test('so do the bookings: a batch goes at the pace of the cap, without a 429', async () => {
  const { id } = await postBatch(system.apiUrl, LINES);
  await endOfBatch(system.apiUrl, id, { timeoutMs: 40_000 });
  const lines = await rowsAt<Row>(`${system.apiUrl}/v1/batches/${id}/results`);
  for (const { response } of lines) assert.equal(response.body.choices[0]?.finish_reason, 'length');
  const attempts = lines.flatMap(({ sluice }) => sluice.attempts);
  assert.equal(attempts.length, 60);
  assert.ok(attempts.every(({ outcome, output_cap: cap }) => outcome === 'ok' && cap === 40));
});

test('where none is set and answers are short, a dry run says what one would let through', async () => {
  const lines = chatLines(25, (i) => chatBody(`q ${i}`, { model: 'plain' }));
  const says = async (): Promise<string> =>
    (await postBatch<{ says: string }>(system.apiUrl, lines, { query: 'dry_run=true' })).says;
  assert.match(await says(), /too little is known of its answers yet: if none is to be longer/);
  const { id } = await postBatch(system.apiUrl, lines);
  await endOfBatch(system.apiUrl, id);
  assert.match(
    await says(),
    /plain: answers have 60 tokens in the mean, and each request that sets no maximum books 1,024: output_cap: 240 would let 2,\d{3} calls a minute through instead of 5\d\d /,
  );
});
