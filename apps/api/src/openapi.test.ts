import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Script, runInNewContext } from 'node:vm';
import { chatLine } from '@sluice/testing';
import { openapiPath } from './openapi.ts';
import { ROUTES } from './routes.ts';
import { SHAPES } from './shapes/answers.ts';
import { chat, startTestApi } from './test-api.ts';
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
  const grouped = batches.parameters.find(({ name }) => name === 'metadata');
  assert.deepEqual(grouped, {
    name: 'metadata',
    in: 'query',
    style: 'deepObject',
    explode: true,
    description:
      'As metadata[key]=value. At most 16 pairs; keys up to 64, values up to 512 characters.',
    schema: {
      type: 'object',
      propertyNames: { type: 'string', maxLength: 64 },
      additionalProperties: { type: 'string', maxLength: 512 },
    },
  });
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

interface Described {
  operationId: string;
  parameters: { name: string; in: string; required?: boolean; schema?: object }[];
  responses: Record<string, { description: string; content: Record<string, { schema: object }> }>;
  security?: Record<string, string[]>[];
}

test('every operation says what it answers, with an object that is described, and its errors', async () => {
  const { json } = await api.call('GET /openapi.json');
  const ids = new Set<string>();
  for (const [path, methods] of Object.entries(json.paths as Record<string, object>)) {
    for (const [method, one] of Object.entries(methods) as [string, Described][]) {
      const where = `${method} ${path}`;
      assert.ok(!ids.has(one.operationId), where);
      ids.add(one.operationId);
      const [success = '', ...rest] = Object.keys(one.responses);
      assert.match(success, /^2\d\d$/, where);
      assert.deepEqual(rest, ['default'], where);
      for (const { description, content } of Object.values(one.responses)) {
        assert.notEqual(description, '', where);
        assert.equal(Object.keys(content).length, 1, where);
      }
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = one.parameters.filter((parameter) => parameter.in === 'path');
      assert.deepEqual(
        declared.map(({ name }) => name),
        inPath,
      );
      assert.ok(declared.every(({ required }) => required));
      for (const scheme of (one.security ?? []).flatMap(Object.keys))
        assert.ok(scheme in json.components.securitySchemes, where);
    }
  }
  const { schemas } = json.components as { schemas: Record<string, object> };
  for (const name of refsIn(json)) assert.ok(name in schemas, name);
  for (const name of Object.keys(schemas)) assert.ok(refsIn(json).has(name), `${name} is unused`);
});

const refsIn = (document: object): Set<string> =>
  new Set(
    [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name as string,
    ),
  );

test('a field that may be null keeps its description', async () => {
  const { json } = await api.call('GET /openapi.json');
  const jobs = json.paths['/v1/jobs'].post.requestBody.content['application/json'].schema;
  for (const name of ['webhook_url', 'max_tier', 'metadata', 'affinity_key'])
    assert.match(jobs.properties[name].description ?? '', /\w/, name);
});

/** Every field that is answered is described, and every field described is answered. */
function holds(name: keyof typeof SHAPES, json: unknown): void {
  assert.deepEqual(SHAPES[name].parse(json), json, name);
}

test('real answers are as they are described', async () => {
  const answerTo = async (line: string, body?: unknown, headers?: Record<string, string>) => {
    const { status, json, text } = await api.call(line, body, headers);
    assert.ok(status < 300, `${line}: ${text}`);
    return json;
  };
  const job = await answerTo('POST /v1/jobs', { model: 'fast', body: chat() });
  holds('Job', job);
  holds('JobPage', await answerTo('GET /v1/jobs'));
  holds('Job', await answerTo(`POST /v1/jobs/${job.id}/cancel`));
  holds('Deleted', await answerTo(`DELETE /v1/jobs/${job.id}`));
  const lines = chatLine('a', { model: 'fast', ...chat() });
  const type = { 'content-type': 'application/jsonl' };
  const batch = await answerTo('POST /v1/batches', lines, type);
  holds('Batch', batch);
  holds('BatchPage', await answerTo('GET /v1/batches'));
  holds('Job', await answerTo(`GET /v1/jobs/${batch.id}.1`));
  holds('File', await answerTo(`GET /v1/files/${batch.input_file_id}`));
  holds('FilePage', await answerTo('GET /v1/files'));
  const form = { filename: 'a.jsonl', purpose: 'batch', bytes: 3, mime_type: 'text/plain' };
  holds('Upload', await answerTo('POST /v1/uploads', form));
  holds('Model', await answerTo('GET /v1/models/fast'));
  holds('ModelList', await answerTo('GET /v1/models'));
  holds('WebhookSecret', await answerTo('GET /v1/webhook_secret'));
  holds('PoolList', await answerTo('GET /admin/pools'));
  holds('DeploymentList', await answerTo('GET /admin/deployments'));
  holds('BudgetList', await answerTo('GET /admin/budgets'));
  holds('Usage', await answerTo('GET /v1/usage'));
  holds('Usage', await answerTo('GET /admin/usage?bucket=total&group_by=pool'));
  holds('Links', await answerTo('GET /'));
  holds('Links', await answerTo('GET /admin'));
  holds('Health', await answerTo('GET /healthz'));
  holds('Readiness', (await api.call('GET /readyz')).json);
});

/** As much of a page as the script of /docs touches: nodes with text, and the text of all of them. */
class FakeNode {
  textContent = '';
  className = '';
  children: (FakeNode | string)[] = [];
  append(...more: (FakeNode | string)[]): void {
    this.children.push(...more);
  }
  replaceChildren(...all: (FakeNode | string)[]): void {
    this.children = all;
  }
  insertRow = (): FakeNode => this.#add();
  insertCell = (): FakeNode => this.#add();
  #add(): FakeNode {
    const node = new FakeNode();
    this.append(node);
    return node;
  }
  get text(): string {
    const inner = this.children.map((one) => (typeof one === 'string' ? one : one.text));
    return [this.textContent, ...inner].join(' ');
  }
}

test('the page shows descriptions, answers and the fields of every object', async () => {
  const { text } = await api.call('GET /docs');
  const { json } = await api.call('GET /openapi.json');
  const script = /<script>([\s\S]*)<\/script>/.exec(text)?.[1] ?? '';
  const main = new FakeNode();
  const shown = new Promise<void>((resolve) => {
    const show = main.append.bind(main);
    main.append = (...more) => {
      show(...more);
      if (main.text.includes('Errors')) resolve();
    };
  });
  runInNewContext(script, {
    document: { createElement: () => new FakeNode(), querySelector: () => main },
    fetch: async () => ({ json: async () => json as object }),
  });
  await shown;
  for (const part of [
    'Where the events of this job or batch are sent, signed.',
    'answer 202',
    'JobPage',
    'attempts[].outcome',
    'sluice.ideal_ms',
    'Why it is not active.',
  ])
    assert.ok(main.text.includes(part), part);
});

test('/ and /admin are a page for browsers and JSON for everyone else', async () => {
  for (const path of ['/', '/admin']) {
    const page = await api.call(`GET ${path}`, undefined, { accept: 'text/html,*/*;q=0.8' });
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
    const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, link]) => link as string);
    assert.ok(links.length > 4);
    for (const link of links) {
      const { status } = await api.call(`GET ${link}`);
      assert.ok(status === 200 || link === '/readyz', link);
    }
    const { json } = await api.call(`GET ${path}`);
    assert.deepEqual(Object.keys(json.at), links);
  }
});
