import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Script } from 'node:vm';
import { openapiPath } from './openapi.ts';
import { ROUTES } from './routes.ts';
import { startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

interface Operation {
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: { properties?: object } }> };
}

test('the document lists every route of the table, and nothing else', async () => {
  const { json } = await api.call('GET /openapi.json');
  const listed = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const table = ROUTES.map(({ method, path }) => `${method} ${openapiPath(path)}`);
  assert.deepEqual(listed.toSorted(), table.toSorted());
  assert.equal(new Set(table).size, table.length);
});

test('bodies, queries and path parameters are described by the shapes that check them', async () => {
  const { json } = await api.call('GET /openapi.json');
  const jobs = json.paths['/v1/jobs'].post as Operation;
  const properties = jobs.requestBody?.content['application/json']?.schema.properties ?? {};
  assert.ok('deadline_ms' in properties && 'body' in properties);
  const line = json.paths['/v1/jobs/{id}'].get as Operation;
  assert.deepEqual(
    line.parameters.map((one) => `${one.in} ${one.name}`),
    ['path id', 'query wait_ms'],
  );
  const batches = json.paths['/v1/batches'].post as Operation;
  const types = Object.keys(batches.requestBody?.content ?? {});
  assert.deepEqual(types, ['application/json', 'application/jsonl']);
});

test('the page loads nothing from elsewhere, and its policy allows its own script', async () => {
  const { text, headers } = await api.call('GET /docs');
  assert.doesNotMatch(text, /https?:\/\//);
  const script = /<script>([\s\S]*)<\/script>/.exec(text)?.[1] ?? '';
  assert.ok(new Script(script), 'its script parses');
  const hash = createHash('sha256').update(script).digest('base64');
  assert.ok(headers.get('content-security-policy')?.includes(`'sha256-${hash}'`));
});
