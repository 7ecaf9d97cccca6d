/** Registered receivers, end to end: through the official client that manages them, with what they get verified by two libraries. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import OpenAI from 'openai-7';
import { Webhook } from 'standardwebhooks';
import { chatBody, chatLine, postBatch, startSink, System, until } from '@sluice/testing';
import type { HttpSink, SinkRequest } from '@sluice/testing';

let system: System;
let sink: HttpSink;
let client: OpenAI;
/** What the receivers answer, by path; absent = 200. */
const answers = new Map<string, number>();

const answer = ({ path }: SinkRequest, response: ServerResponse): void => {
  response.writeHead(answers.get(path) ?? 200).end();
};

before(async () => {
  sink = await startSink(answer);
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments: { sim: { provider: sim, model: sim, limits: { rpm: 6000 } } }
pools: { fast: [sim] }
tenants: { one: { api_keys: [key-one] }, two: { api_keys: [key-two] } }
webhooks: { allow: [127.0.0.0/8], allow_http: true }
`,
    simulator: { accounts: { sim: { key: 'key', format: 'openai' } } },
    roles: { dispatcher: 2, api: 1 },
  });
  client = clientOf('key-one');
});
after(async () => {
  await system.stop();
  await sink.stop();
});

const clientOf = (apiKey: string, webhookSecret?: string): OpenAI =>
  new OpenAI({
    baseURL: `${system.apiUrl}/v1`,
    apiKey,
    adminAPIKey: apiKey,
    maxRetries: 0,
    ...(webhookSecret === undefined ? {} : { webhookSecret }),
  });

/** The client knows OpenAI's event types only; ours are others. */
const types = (...all: string[]): never => all as never;

const register = (path: string, ...eventTypes: string[]) =>
  client.webhooks.create({
    name: path,
    url: `${sink.url}${path}`,
    event_types: types(...eventTypes),
  });

const sentTo = (path: string): SinkRequest[] => sink.requests.filter((one) => one.path === path);

async function call<T>(line: string, body?: unknown, key = 'key-one'): Promise<T> {
  const [method = '', path = ''] = line.split(' ');
  const response = await fetch(system.apiUrl + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as T;
}

interface Job {
  id: string;
  status: string;
}

/** A job that has ended. */
async function run(key = 'key-one'): Promise<Job> {
  const { id } = await call<Job>('POST /v1/jobs', { model: 'fast', body: chatBody('hi') }, key);
  return call<Job>(`GET /v1/jobs/${id}?wait_ms=20000`, undefined, key);
}

interface Delivery {
  id: string;
  event_id: string;
  event_type: string;
  subject: string;
  status: string;
  attempts: { status_code: number | null }[];
}

const deliveriesOf = async (id: string): Promise<Delivery[]> =>
  (await call<{ data: Delivery[] }>(`GET /v1/webhook_endpoints/${id}/deliveries`)).data;

test('every ended job of the tenant is told, of the types asked for, signed for both libraries', async () => {
  const endpoint = await register('/all', 'job.succeeded', 'batch.completed');
  const deaf = await register('/deaf', 'job.failed');
  const [job] = await Promise.all([run(), run('key-two')]);
  const batch = await postBatch(system.apiUrl, chatLine('1', chatBody('hi', { model: 'fast' })), {
    headers: { authorization: 'Bearer key-one' },
  });
  await until('both to be told', () => sentTo('/all').length >= 2);
  const secret = endpoint.signing_secret;
  const events = await Promise.all(
    sentTo('/all').map(({ body: text, headers }) => {
      new Webhook(secret).verify(text, headers);
      return clientOf('key-one', secret).webhooks.unwrap(text, headers);
    }),
  );
  const subjects = events.map(({ data }) => (data as { id: string }).id);
  assert.deepEqual(subjects.toSorted(), [job.id, batch.id].toSorted());
  assert.deepEqual(sentTo('/deaf'), []);
  const deliveries = await until('deliveries to be noted', async () => {
    const all = await deliveriesOf(endpoint.id);
    return all.every(({ status }) => status === 'delivered') ? all : null;
  });
  assert.deepEqual(deliveries.map(({ subject }) => subject).toSorted(), subjects.toSorted());
  for (const id of [endpoint.id, deaf.id]) await client.webhooks.delete(id);
});

test('the official client lists, changes, rotates, tries and deletes', async () => {
  const endpoint = await register('/managed', 'job.succeeded');
  const { id } = endpoint;
  assert.match(endpoint.signing_secret ?? '', /^whsec_/);
  const read = await client.webhooks.retrieve(id);
  assert.equal('signing_secret' in read, false);
  assert.equal(read.signing_secret_hint?.slice(-4), endpoint.signing_secret?.slice(-4));
  const changed = await client.webhooks.update(id, { name: 'other' });
  assert.deepEqual([changed.name, changed.event_types], ['other', ['job.succeeded']]);
  const listed = await client.webhooks.list();
  assert.deepEqual(
    listed.data.map((one) => one.id),
    [id],
  );
  const tried = await client.webhooks.test(id, { event_type: 'batch.completed' });
  assert.deepEqual([tried.success, tried.status_code], [true, 200]);
  const old = endpoint.signing_secret;
  const fresh = await client.webhooks.rotateSecret(id, {
    keep_old_secret_active_for_24_hours: true,
  });
  assert.notEqual(fresh.signing_secret, old);
  await run();
  const told = await until('a delivery after the rotation', () =>
    sentTo('/managed').find(({ body }) => body.includes('job.succeeded')),
  );
  for (const secret of [old, fresh.signing_secret])
    new Webhook(secret).verify(told.body, told.headers);
  assert.equal((await client.webhooks.delete(id)).deleted, true);
  await assert.rejects(() => client.webhooks.retrieve(id), /No such webhook_endpoint/);
});

test('what failed is redelivered on request, with the id it had', async () => {
  answers.set('/broken', 500);
  const { id } = await register('/broken', 'job.succeeded');
  const job = await run();
  await until(
    'a failure to be noted',
    async () => (await deliveriesOf(id))[0]?.attempts.length === 1,
  );
  // By its schedule the next attempt follows after five seconds.
  answers.delete('/broken');
  const [delivery] = await until('its second attempt', async () => {
    const all = await deliveriesOf(id);
    return all[0]?.status === 'delivered' ? all : null;
  });
  assert.deepEqual(
    delivery?.attempts.map((one) => one.status_code),
    [500, 200],
  );
  const path = `/v1/webhook_endpoints/${id}/deliveries/${delivery?.id}/redeliver`;
  const again = await call<Delivery & { redeliveries: number }>(`POST ${path}`);
  assert.deepEqual([again.status, again.redeliveries], ['pending', 1]);
  const requests = await until('a third one', () =>
    sentTo('/broken').length === 3 ? sentTo('/broken') : null,
  );
  assert.deepEqual(
    new Set(requests.map(({ headers }) => headers['webhook-id'])),
    new Set([delivery?.event_id]),
  );
  assert.ok(requests[2]?.body.includes(job.id));
  await client.webhooks.delete(id);
});

test('a receiver that is gone is disabled, the tenant’s others hear of it, and it can be taken back', async () => {
  answers.set('/gone', 410);
  const watcher = await register('/watcher', 'webhook_endpoint.disabled');
  const { id } = await register('/gone', 'job.succeeded');
  await run();
  const [told] = await until('the news', () => {
    const all = sentTo('/watcher');
    return all.length > 0 ? all : null;
  });
  const { data } = JSON.parse(told?.body ?? '{}') as { data: object };
  assert.deepEqual(data, { id, name: '/gone', disabled_reason: 'it answered 410 Gone' });
  const endpoint = await call<{ status: string }>(`GET /v1/webhook_endpoints/${id}`);
  assert.equal(endpoint.status, 'disabled');
  const witness = await register('/witness', 'job.succeeded');
  const unheard = await run();
  await until('its event, sent to who is still there', () =>
    sentTo('/witness').some(({ body }) => body.includes(unheard.id)),
  );
  answers.delete('/gone');
  await call(`POST /v1/webhook_endpoints/${id}`, { status: 'active' });
  const job = await run();
  await until('events again', () => sentTo('/gone').some(({ body }) => body.includes(job.id)));
  assert.equal(sentTo('/gone').length, 2);
  for (const one of [id, watcher.id, witness.id]) await client.webhooks.delete(one);
});

test('a private address is refused where it is not allowed, and another tenant’s receiver does not exist', async () => {
  const wanted = { name: 'x', event_types: types('job.failed'), url: 'https://169.254.169.254/' };
  await assert.rejects(() => client.webhooks.create(wanted), /169\.254\.169\.254/);
  const { id } = await register('/mine', 'job.failed');
  await assert.rejects(() => clientOf('key-two').webhooks.retrieve(id), /No such/);
  assert.deepEqual((await clientOf('key-two').webhooks.list()).data, []);
});
