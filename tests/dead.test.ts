/** Jobs and batch lines out of attempts are listed, and run again as new jobs of their tenants, once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLine, postBatch, until } from '@sluice/testing';

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments: { sim: { provider: sim, model: m } }
pools: { fast: [sim] }
retry: { max_attempts: 1 }
tenants: { t: { api_keys: [t-key] }, u: { api_keys: [u-key] } }
admin: { api_keys: [boss] }
`,
    simulator: {
      accounts: {
        sim: { key: 'key', format: 'openai', faults: [{ kind: 'error', match: 'bad' }] },
      },
    },
  });
});
after(() => system.stop());

// oxlint-disable-next-line typescript/no-explicit-any -- The tests say what they expect of an answer.
async function ask(line: string, { key = 'boss', body }: { key?: string; body?: object } = {}) {
  const [method = 'GET', path = ''] = line.split(' ');
  const response = await fetch(system.apiUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  // oxlint-disable-next-line typescript/no-explicit-any
  return { status: response.status, json: (await response.json()) as any };
}

const line = (id: string, content: string): string =>
  chatLine(id, chatBody(content, { model: 'fast' }));

interface Dead {
  id: string;
  code: string;
  pool: string;
}
const dead = async (query = ''): Promise<Dead[]> =>
  (await ask(`GET /admin/dead${query}`)).json.data;

test('dead jobs and lines are listed, newest first, by pool, class and page', async () => {
  const job = await ask('POST /v1/jobs', {
    key: 't-key',
    body: { model: 'fast', body: chatBody('bad') },
  });
  await until('the job is dead', async () => (await dead()).length === 1);
  const batch = await postBatch(system.apiUrl, `${line('a', 'good')}\n${line('b', 'bad')}`, {
    query: 'completion_window=1h',
    headers: { authorization: 'Bearer u-key' },
  });
  await until('the line is dead', async () => (await dead()).length === 2);
  const all = await dead();
  assert.deepEqual(
    all.map(({ id }) => id),
    [`${batch.id}.2`, job.json.id],
  );
  assert.deepEqual(
    new Set(all.map(({ code, pool }) => `${code} ${pool}`)),
    new Set(['provider_error fast']),
  );
  const { json } = await ask('GET /admin/dead?limit=1');
  assert.deepEqual([json.data.length, json.has_more], [1, true]);
  assert.equal((await dead(`?limit=1&after=${json.last_id}`))[0]?.id, job.json.id);
  assert.deepEqual(await dead('?code=timeout'), []);
  assert.deepEqual(await dead(`?since=${Math.ceil(Date.now() / 1000) + 5}`), []);
  assert.equal((await ask('GET /admin/dead?code=bad')).status, 400);
  assert.equal((await ask('GET /admin/dead', { key: 't-key' })).status, 403);
});

test('replayed they are new jobs of their tenants; what is not dead is said', async () => {
  await system.simulate('sim', { faults: [] });
  const [ofLine, ofJob] = await dead();
  const { json } = await ask('POST /admin/dead/replay', {
    body: { ids: [ofLine?.id, ofJob?.id, 'job_none'] },
  });
  assert.deepEqual(json.skipped, [{ id: 'job_none', reason: 'is not among the dead' }]);
  const jobOf = new Map<string, string>(
    json.replayed.map(({ id, job }: { id: string; job: string }) => [id, job]),
  );
  for (const [old, key] of [
    [ofJob, 't-key'],
    [ofLine, 'u-key'],
  ] as const) {
    const id = jobOf.get(old?.id ?? '');
    const ended = await ask(`GET /v1/jobs/${id}?wait_ms=10000`, { key });
    assert.deepEqual([ended.json.status, ended.json.retry_of], ['succeeded', old?.id]);
  }
  assert.deepEqual(await dead(), []);
  const again = await ask('POST /admin/dead/replay', { body: {} });
  assert.deepEqual(again.json, { object: 'replay', replayed: [], skipped: [], has_more: false });
});

test('a line whose batch was retried is not bought again', async () => {
  await system.simulate('sim', { faults: [{ kind: 'error', match: 'bad' }] });
  const headers = { authorization: 'Bearer u-key' };
  const query = 'completion_window=1h';
  const batch = await postBatch(system.apiUrl, line('b', 'bad'), { query, headers });
  const statusOf = async (id: string) =>
    (await ask(`GET /v1/batches/${id}`, { key: 'u-key' })).json.status;
  await until('its end', async () => (await statusOf(batch.id)) === 'completed');
  await until('the line is dead', async () => (await dead()).length === 1);
  await system.simulate('sim', { faults: [] });
  const retry = await ask(`POST /v1/batches/${batch.id}/retry`, { key: 'u-key' });
  await until('its end', async () => (await statusOf(retry.json.id)) === 'completed');
  const { json } = await ask('POST /admin/dead/replay', { body: {} });
  const reason = `is tried again by ${retry.json.id}, the retry of its batch`;
  assert.deepEqual(json.replayed, []);
  assert.deepEqual(json.skipped, [{ id: `${batch.id}.1`, reason }]);
  assert.deepEqual(await dead(), []);
});

/** Ids of the dead that a replay ran again. */
const replay = async (filter: object): Promise<string[]> =>
  (await ask('POST /admin/dead/replay', { body: filter })).json.replayed.map(
    ({ id }: { id: string }) => id,
  );

test('by pool, class and time those are replayed that fit all of it', async () => {
  await system.simulate('sim', { faults: [{ kind: 'error', match: 'worse' }] });
  const worse = { model: 'fast', body: chatBody('worse') };
  const jobs = await Promise.all(
    [worse, worse].map((body) => ask('POST /v1/jobs', { key: 't-key', body })),
  );
  await until('both are dead', async () => (await dead()).length === 2);
  await system.simulate('sim', { faults: [] });
  const now = Math.floor(Date.now() / 1000);
  assert.deepEqual(await replay({ pool: 'other' }), []);
  assert.deepEqual(await replay({ code: 'timeout' }), []);
  assert.deepEqual(await replay({ since: now + 60 }), []);
  const all = { pool: 'fast', code: 'provider_error', since: now - 60 };
  assert.deepEqual(
    (await replay(all)).toSorted(),
    jobs.map(({ json }) => json.id as string).toSorted(),
  );
  assert.deepEqual(await dead(), []);
});
