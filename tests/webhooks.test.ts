/** Webhooks from a real run: signed as the official client expects, one per ended job and batch. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { chatBody, chatLine, postBatch, startSink, System, until } from '@sluice/testing';
import type { HttpSink } from '@sluice/testing';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G';
let system: System;
let sink: HttpSink;
before(async () => {
  sink = await startSink();
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments: { sim: { provider: sim, model: sim, limits: { rpm: 6000 } } }
pools: { fast: [sim] }
webhooks: { allow: [127.0.0.0/8], allow_http: true, secret: "${SECRET}" }
`,
    simulator: { accounts: { sim: { key: 'key', format: 'openai' } } },
  });
});
after(async () => {
  await system.stop();
  await sink.stop();
});

test('a job and a batch tell their webhook_url how they ended, signed', async () => {
  const body = chatBody('hi');
  const posted = await fetch(`${system.apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fast', body, webhook_url: `${sink.url}/job` }),
  });
  const job = (await posted.json()) as { id: string };
  const batch = await postBatch(system.apiUrl, chatLine('1', { model: 'fast', ...body }), {
    query: { completion_window: '1h', webhook_url: `${sink.url}/batch` },
  });
  const requests = await until('both deliveries', () =>
    sink.requests.length >= 2 ? sink.requests : null,
  );
  const client = new OpenAI({ apiKey: 'any', webhookSecret: SECRET });
  const events = await Promise.all(
    requests.map((request) => client.webhooks.unwrap(request.body, request.headers)),
  );
  const byType = new Map(
    events.map((event) => [event.type as string, event.data as { id: string; status?: string }]),
  );
  assert.equal(byType.get('job.succeeded')?.id, job.id);
  assert.equal(byType.get('job.succeeded')?.status, 'succeeded');
  assert.deepEqual(byType.get('batch.completed'), { id: batch.id });
  assert.equal(events.length, 2);
});

test('a private address is refused where it is not allowed', async () => {
  const response = await fetch(`${system.apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'fast',
      body: chatBody('hi'),
      webhook_url: 'http://169.254.169.254/latest',
    }),
  });
  assert.equal(response.status, 400);
  const { error } = (await response.json()) as { error: { param: string } };
  assert.equal(error.param, 'webhook_url');
});
