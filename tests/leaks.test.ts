/**
 * No secret and no prompt leaves by a side door: a whole system logs everything it can, its provider and its webhook's receiver
 * quote back whatever they were sent, keys included, and what people operate by is searched for it.
 */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectRedis } from '@sluice/ledger';
import { System, chatBody, chatLine, startSink, until } from '@sluice/testing';
import type { HttpSink, SinkRequest } from '@sluice/testing';

/** What must not be seen, by what it is. */
const SECRETS = {
  'provider key': 'sk-provider-4f9a1c',
  'refused provider key': 'sk-refused-77be02',
  'tenant key': 'sk-tenant-d18e55',
  'admin key': 'sk-admin-93c0fa',
  'webhook secret': 'bGVha3MtYXJlLW5ldmVyLWZpbmUtMTIzNDU2Nzg5MA==',
  'password in a webhook URL': 'hook-token-5d21',
  prompt: 'my-prompt-is-private-8812',
  answer: 'the-answer-is-private-3301',
} as const;

const config = (provider: string): string => `
providers:
  good: { type: openai, base_url: "${provider}/v1", api_key: ${SECRETS['provider key']} }
  refused: { type: openai, base_url: "${provider}/v1", api_key: ${SECRETS['refused provider key']} }
deployments:
  good: { provider: good, model: m, price: { input: 1, output: 1 } }
  refused: { provider: refused, model: m }
pools: { fast: [good], both: { tiers: [[refused], [good]] } }
tenants: { t: { api_keys: [${SECRETS['tenant key']}] } }
admin: { api_keys: [${SECRETS['admin key']}] }
webhooks: { secret: "whsec_${SECRETS['webhook secret']}", allow: [127.0.0.0/8], allow_http: true }
retry: { max_attempts: 2, backoff: { base_ms: 1, cap_ms: 5 } }
`;

const ANSWER = {
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [
    { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: SECRETS.answer } },
  ],
  usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 },
};

/** Who was told to come later, and may now. */
const toldToWait = new Set<string>();

/** The status that a prompt asks for (429 once); errors quote all that was sent, as careless servers do. */
function answer({ headers, body }: SinkRequest, response: ServerResponse): void {
  const refused = headers['authorization']?.includes(SECRETS['refused provider key']) ?? false;
  const wanted = refused ? 401 : Number(/answer with (\d+)/.exec(body)?.[1] ?? 200);
  const status = wanted === 429 && toldToWait.has(body) ? 200 : wanted;
  if (wanted === 429) toldToWait.add(body);
  const message = `Incorrect: ${headers['authorization']} sent ${body}`;
  const error = { error: { message, type: 'x', code: status === 401 ? 'invalid_api_key' : null } };
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-request-id': message.slice(0, 80),
  });
  response.end(JSON.stringify(status === 200 ? ANSWER : error));
}

const quoting = ({ headers, body }: SinkRequest, response: ServerResponse): void => {
  response.writeHead(500).end(JSON.stringify({ headers, body }));
};

let system: System;
let provider: HttpSink;
let receiver: HttpSink;
before(async () => {
  [provider, receiver] = await Promise.all([startSink(answer), startSink(quoting)]);
  const env = { LOG_LEVEL: 'trace' };
  const roles = { simulator: 0 };
  system = await System.start({ config: config(provider.url), simulator: {}, roles, env });
});
after(async () => {
  await system.stop();
  await Promise.all([provider.stop(), receiver.stop()]);
});

const call = (path: string, key: string, body?: unknown): Promise<Response> =>
  fetch(system.apiUrl + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const TENANT = SECRETS['tenant key'];

/** A job whose provider answers with `status`, told to a receiver that fails. */
async function run(model: string, status: number): Promise<void> {
  const content = `answer with ${status}: ${SECRETS.prompt}`;
  const submitted = await call('/v1/jobs', TENANT, {
    model,
    body: chatBody(content),
    webhook_url: `${receiver.url}/hook?token=${SECRETS['password in a webhook URL']}`,
    metadata: { note: 'shown' },
  });
  const { id } = (await submitted.json()) as { id: string };
  await until(`${model} ${status} to end`, async () => {
    const job = (await (await call(`/v1/jobs/${id}`, TENANT)).json()) as { status: string };
    return !['queued', 'running'].includes(job.status);
  });
}

/** Names of the secrets in a text. */
const seenIn = (text: string): string[] =>
  Object.entries(SECRETS).flatMap(([what, secret]) => (text.includes(secret) ? [what] : []));

test('logs, metrics, the board, the admin’s figures and the queues show no secret and no prompt', async () => {
  for (const status of [200, 400, 422, 429, 500, 503]) await run('fast', status);
  await run('both', 200);
  const line = chatLine('a', chatBody(SECRETS.prompt, { model: 'nobody' }));
  const bad = `${line}\n{"broken": "${SECRETS.prompt}`;
  const refused = await fetch(`${system.apiUrl}/v1/batches`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TENANT}`, 'content-type': 'application/jsonl' },
    body: bad,
  });
  assert.ok(refused.status < 500);
  for (const body of [`{"model":"fast","body":"${SECRETS.prompt}`, '{"model":7}'])
    await fetch(`${system.apiUrl}/v1/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TENANT}`, 'content-type': 'application/json' },
      body,
    });
  await call('/v1/jobs?metadata[k]=v', SECRETS['admin key']);
  await until('deliveries to be tried', () => receiver.requests.length >= 7);
  const found: string[] = [];
  const search = (where: string, text: string): void => {
    assert.notEqual(text, '', where);
    for (const what of seenIn(text)) found.push(`${what} in ${where}`);
  };
  for (const file of readdirSync(system.folder).filter((name) => name.endsWith('.log')))
    search(file, readFileSync(join(system.folder, file), 'utf8'));
  for (const path of [...OPERATED_BY, ...(await boardPaths())])
    search(path, await (await call(path, SECRETS['admin key'])).text());
  // A delivery's entry says where it goes: Redis holds that, nobody is shown it.
  const url = SECRETS['password in a webhook URL'];
  for (const [key, text] of await queueEntries()) search(key, text.replaceAll(url, ''));
  assert.deepEqual([...new Set(found)], []);
});

const OPERATED_BY = [
  '/metrics', '/admin/pools', '/admin/deployments', '/admin/budgets', '/admin/plan', '/admin/usage', '/readyz',
  '/healthz', '/openapi.json', '/docs', '/admin', '/v1/models', '/admin/queues/',
]; // prettier-ignore

/** Every page of the board's own API: its queues, each with its latest entries of every state. */
async function boardPaths(): Promise<string[]> {
  const all = '/admin/queues/api/queues';
  const { queues } = (await (await call(all, SECRETS['admin key'])).json()) as {
    queues: { name: string }[];
  };
  assert.ok(queues.length > 4);
  return queues.flatMap(({ name }) =>
    ['latest', 'failed', 'completed', 'delayed'].map(
      (status) =>
        `${all}?activeQueue=${encodeURIComponent(name)}&status=${status}&page=1&jobsPerPage=100`,
    ),
  );
}

/** What BullMQ itself keeps: entries with their data, return values, reasons and stack traces. */
async function queueEntries(): Promise<[string, string][]> {
  const redis = connectRedis(system.redis.url, 'background');
  try {
    const keys = await redis.keys('*');
    const ledger = /:(\{j\d+\}|\{ctl\}|\{t:)/;
    const entries: [string, string][] = [];
    for (const key of keys.filter((one) => !ledger.test(one))) {
      const type = await redis.type(key);
      if (type === 'hash') entries.push([key, JSON.stringify(await redis.hgetall(key))]);
      if (type === 'string') entries.push([key, String(await redis.get(key))]);
      if (type === 'stream') entries.push([key, JSON.stringify(await redis.xrange(key, '-', '+'))]);
    }
    assert.ok(entries.length > 20);
    return entries;
  } finally {
    redis.disconnect();
  }
}
