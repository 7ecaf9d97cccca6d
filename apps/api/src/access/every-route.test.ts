/**
 * Who may do what, on every route there is: the table of routes is read from /openapi.json, and each must have a rule
 * here. A route without one fails, so that none is ever added without somebody deciding who may call it.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chatLine } from '@sluice/testing';
import { chat, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

/**
 * `open`: anybody. `admin`: the admin's key alone. `own`: works on the caller's own things only. `object`: on the object
 * that its path names, by its kind: of another tenant it does not exist, nor does one that never was.
 */
type Kind = 'job' | 'batch' | 'file' | 'upload' | 'hook';
type Rule = 'open' | 'admin' | 'own' | { object: Kind };

const KINDS = ['job', 'batch', 'file', 'upload', 'hook'] as const;
const [JOB, BATCH, FILE, UPLOAD, HOOK] = KINDS.map((object) => ({ object })) as [
  Rule,
  Rule,
  Rule,
  Rule,
  Rule,
];

// prettier-ignore
const RULES: Record<string, Rule> = {
  'post /v1/jobs': 'own', 'get /v1/jobs': 'own', 'get /v1/jobs/{id}': JOB, 'delete /v1/jobs/{id}': JOB,
  'post /v1/jobs/{id}/cancel': JOB, 'post /v1/jobs/{id}/retry': JOB, 'get /v1/jobs/{id}/events': JOB,
  'post /v1/files': 'own', 'get /v1/files': 'own', 'get /v1/files/{id}': FILE, 'get /v1/files/{id}/content': FILE, 'delete /v1/files/{id}': FILE,
  'post /v1/uploads': 'own', 'post /v1/uploads/{id}/parts': UPLOAD, 'post /v1/uploads/{id}/complete': UPLOAD, 'post /v1/uploads/{id}/cancel': UPLOAD,
  'post /v1/batches': 'own', 'get /v1/batches': 'own', 'get /v1/batches/{id}': BATCH, 'post /v1/batches/{id}/cancel': BATCH,
  'post /v1/batches/{id}/pause': BATCH, 'post /v1/batches/{id}/resume': BATCH, 'post /v1/batches/{id}/retry': BATCH,
  'get /v1/batches/{id}/results': BATCH, 'get /v1/batches/{id}/events': BATCH,
  'post /v1/chat/completions': 'own', 'post /v1/responses': 'own', 'post /v1/completions': 'own', 'post /v1/embeddings': 'own', 'post /v1/moderations': 'own',
  'get /v1/usage': 'own', 'get /admin/usage': 'admin',
  'get /v1/models': 'own', 'get /v1/models/{id}': 'own',
  'post /v1/webhook_endpoints': 'own', 'get /v1/webhook_endpoints': 'own', 'get /v1/webhook_endpoints/{id}': HOOK, 'post /v1/webhook_endpoints/{id}': HOOK,
  'delete /v1/webhook_endpoints/{id}': HOOK, 'post /v1/webhook_endpoints/{id}/rotate_secret': HOOK, 'post /v1/webhook_endpoints/{id}/test': HOOK,
  'get /v1/webhook_endpoints/{id}/deliveries': HOOK, 'post /v1/webhook_endpoints/{id}/deliveries/{delivery}/redeliver': HOOK, 'get /v1/webhook_event_types': 'own',
  'get /v1/webhook_secret': 'admin', 'get /admin': 'admin', 'get /admin/pools': 'admin', 'get /admin/deployments': 'admin',
  'patch /admin/deployments/{id}': 'admin', 'patch /admin/budgets/{id}': 'admin', 'get /admin/dead': 'admin', 'post /admin/dead/replay': 'admin', 'post /admin/reload': 'admin',
  'get /admin/plan': 'admin', 'get /admin/budgets': 'admin', 'get /metrics': 'admin',
  'get /': 'open', 'get /healthz': 'open', 'get /readyz': 'open', 'get /openapi.json': 'open', 'get /docs': 'open',
};

/** Mounted beside the table of routes: Bull Board's page and what it asks for. */
const BOARD = [
  'get /admin/queues',
  'get /admin/queues/api/queues',
  'put /admin/queues/api/queues/x/pause',
];

const KEYS = { one: 'key-of-one', two: 'key-of-two', admin: 'key-of-admin' } as const;
const CONFIG = `
tenants: { one: { api_keys: [${KEYS.one}] }, two: { api_keys: [${KEYS.two}] } }
admin: { api_keys: [${KEYS.admin}] }
`;

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

/** What a stranger may send instead of a key. */
const STRANGERS: Record<string, Record<string, string>> = {
  'no key': {},
  'an empty key': bearer(''),
  'a wrong key': bearer('key-of-nobody'),
  'the beginning of a key': bearer(KEYS.one.slice(0, -1)),
  'a key and more': bearer(`${KEYS.one}x`),
  'its hash': bearer('sha256:0000000000000000000000000000000000000000000000000000000000000000'),
  'a wrong password': { authorization: `Basic ${Buffer.from('admin:nobody').toString('base64')}` },
  'another scheme': { authorization: `Digest ${KEYS.one}` },
};

let api: TestApi;
let ids: Record<Kind, string>;
/** `method /path` → what the document says of it. */
let operations: Map<string, { security?: Record<string, string[]>[] }>;
before(async () => {
  api = await startTestApi({ config: CONFIG });
  const { json } = await api.call('GET /openapi.json');
  operations = new Map(
    Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, one]) => [`${method} ${path}`, one] as const),
    ),
  );
  ids = await makeObjects();
});
after(() => api.stop());

/** As tenant `one`. */
const made = async (line: string, body: unknown, headers = {}) => {
  const { status, json, text } = await api.call(line, body, { ...bearer(KEYS.one), ...headers });
  assert.ok(status < 300, text);
  return json;
};

/** One of each kind, of tenant `one`. */
async function makeObjects(): Promise<typeof ids> {
  const { id: job } = await made('POST /v1/jobs', { model: 'fast', body: chat() });
  const lines = chatLine('a', { model: 'fast', ...chat() });
  const batch = await made('POST /v1/batches', lines, { 'content-type': 'application/jsonl' });
  const form = { filename: 'a.jsonl', purpose: 'batch', bytes: 3, mime_type: 'text/plain' };
  const { id: upload } = await made('POST /v1/uploads', form);
  const receiver = { name: 'mine', url: 'https://hooks.invalid/', event_types: ['job.failed'] };
  const { id: hook } = await made('POST /v1/webhook_endpoints', receiver);
  return { job, batch: batch.id, file: batch.input_file_id, upload, hook };
}

const isObject = (rule: Rule): rule is { object: keyof typeof ids } => typeof rule === 'object';

/** A call of the operation; `id` stands where its path names an object. */
async function ask(operation: string, id: string, headers: Record<string, string>) {
  const [method = '', path = ''] = operation.split(' ');
  const line = `${method.toUpperCase()} ${path.replace(/\{\w+\}/, encodeURIComponent(id))}`;
  return api.call(line, method === 'get' || method === 'delete' ? undefined : '{}', headers);
}

const rulesOf = (wanted: (rule: Rule) => boolean): [string, Rule][] =>
  Object.entries(RULES).filter(([, rule]) => wanted(rule));

test('every route has a rule, and every rule a route', () => {
  assert.deepEqual([...operations.keys()].toSorted(), Object.keys(RULES).toSorted());
});

test('the document says who may call as the rules do', () => {
  for (const [operation, rule] of Object.entries(RULES)) {
    const schemes = (operations.get(operation)?.security ?? []).flatMap(Object.keys);
    const wanted = rule === 'open' ? [] : [rule === 'admin' ? 'admin' : 'key'];
    assert.deepEqual(schemes, wanted, operation);
  }
});

test('who has no key gets 401 wherever one is needed, and no word of what is there', async () => {
  const guarded = [...rulesOf((rule) => rule !== 'open').map(([operation]) => operation), ...BOARD];
  for (const operation of guarded) {
    const rule = RULES[operation];
    const id = rule !== undefined && isObject(rule) ? ids[rule.object] : 'mini';
    for (const [what, headers] of Object.entries(STRANGERS)) {
      const { status, json, text } = await ask(operation, id, headers);
      assert.equal(status, 401, `${operation} with ${what}: ${text}`);
      assert.deepEqual([json.error.code, json.error.param], ['invalid_api_key', null]);
      for (const key of Object.values(KEYS)) assert.ok(!text.includes(key), operation);
    }
  }
});

test('a tenant’s key opens nothing of the admin’s', async () => {
  const closed = [...rulesOf((rule) => rule === 'admin').map(([operation]) => operation), ...BOARD];
  for (const operation of closed) {
    const { status, json } = await ask(operation, 'mini', bearer(KEYS.one));
    assert.deepEqual([status, json?.error.code], [403, 'admin_key_needed'], operation);
  }
});

test('another tenant’s object is answered like one that never was', async () => {
  for (const [operation, rule] of rulesOf(isObject)) {
    if (!isObject(rule)) continue;
    const own = ids[rule.object];
    const theirs = await ask(operation, own, formFor(operation, KEYS.two));
    assert.equal(theirs.status, 404, `${operation}: ${theirs.text}`);
    for (const guess of guessesLike(own)) {
      const { status, json } = await ask(operation, guess, formFor(operation, KEYS.two));
      assert.equal(status, 404, `${operation} ${guess}`);
      assert.equal(json.error.message.replace(guess.slice(0, 80), own), theirs.json.error.message);
    }
  }
});

test('what its owner asks of it is not refused for who asks', async () => {
  for (const [operation, rule] of rulesOf(isObject)) {
    // What ends, streams or names a second object is not asked.
    if (!isObject(rule) || /^delete|cancel|events|redeliver/.test(operation)) continue;
    const { status } = await ask(operation, ids[rule.object], formFor(operation, KEYS.one));
    assert.ok(![401, 403, 404].includes(status), `${operation}: ${status}`);
  }
});

test('lists and new things name nothing of another tenant', async () => {
  for (const [operation] of rulesOf((rule) => rule === 'own')) {
    if (!operation.startsWith('get') || operation.includes('{')) continue;
    const { status, text } = await ask(operation, '', bearer(KEYS.two));
    assert.equal(status, 200, operation);
    for (const id of Object.values(ids)) assert.ok(!text.includes(id), operation);
  }
  const order = { endpoint: '/v1/chat/completions', completion_window: '24h' };
  const stolen = { ...order, input_file_id: ids.file };
  const never = { ...order, input_file_id: `file-${'0'.repeat(32)}` };
  const [a, b] = await Promise.all(
    [stolen, never].map((body) => api.call('POST /v1/batches', body, bearer(KEYS.two))),
  );
  assert.deepEqual([a?.status, b?.status], [400, 400]);
  const named = (text: string): string => text.replaceAll(ids.file, never.input_file_id);
  assert.equal(named(a?.json.error.message), b?.json.error.message);
});

/** Parts are sent as a form. */
const formFor = (operation: string, key: string): Record<string, string> => ({
  ...bearer(key),
  ...(operation.endsWith('/parts') ? { 'content-type': 'multipart/form-data; boundary=x' } : {}),
});

/** Ids near a true one, of its form and not. */
function guessesLike(id: string): string[] {
  const last = id.at(-1) === '0' ? '1' : '0';
  return [
    `${id.slice(0, -1)}${last}`,
    id.toUpperCase(),
    `${id} `,
    `${id}\0`,
    `../${id}`,
    `${id}/../${id}`,
    '*',
    '%2e%2e',
    'x'.repeat(2_000),
    '💥',
    '__proto__',
  ];
}
