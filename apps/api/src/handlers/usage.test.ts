import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SHAPES } from '../shapes/answers.ts';
import { chat, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

const HOUR = 3_600;
const [A, B, ADMIN] = ['key-a', 'key-b', 'key-admin'];
const CONFIG = `
tenants: { team-a: { api_keys: [${A}] }, team-b: { api_keys: [${B}] } }
admin: { api_keys: [${ADMIN}] }
usage: { metadata_keys: [project] }
`;

let api: TestApi;
let start = 0;
before(async () => {
  api = await startTestApi({ config: CONFIG });
  start = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
  for (const [key, project] of [
    [A, 'x'],
    [A, 'y'],
    [B, 'x'],
  ] as const) {
    const metadata = { project };
    const made = await as(key, 'POST /v1/jobs', { model: 'fast', body: chat(), metadata });
    assert.equal((await as(key, `POST /v1/jobs/${made.json.id}/cancel`)).status, 200);
  }
});
after(() => api.stop());

const as = (key: string, line: string, body?: unknown) =>
  api.call(line, body, { authorization: `Bearer ${key}` });

/** What a request finds: group and jobs cancelled, over all buckets. */
async function cancelled(key: string, path: string): Promise<[string | null, number][]> {
  const { json } = await as(key, `GET ${path}`);
  SHAPES.Usage.parse(json);
  return json.data.flatMap((bucket: { results: { group: string | null; cancelled: number }[] }) =>
    bucket.results.map((row) => [row.group, row.cancelled]),
  );
}

test('a tenant sees its own, an admin that of all, by what they ask', async () => {
  assert.deepEqual(await cancelled(A, '/v1/usage?bucket=total'), [[null, 2]]);
  assert.deepEqual(await cancelled(B, '/v1/usage?bucket=total'), [[null, 1]]);
  assert.deepEqual(await cancelled(ADMIN, '/v1/usage?bucket=total'), [[null, 3]]);
  const grouped = '/admin/usage?bucket=total&group_by=';
  assert.deepEqual(await cancelled(ADMIN, `${grouped}tenant`), [
    ['team-a', 2],
    ['team-b', 1],
  ]);
  assert.deepEqual(await cancelled(ADMIN, `${grouped}pool`), [['fast', 3]]);
  assert.deepEqual(await cancelled(ADMIN, `${grouped}deployment`), [[null, 3]]);
  assert.deepEqual(await cancelled(ADMIN, `${grouped}metadata.project`), [
    ['x', 2],
    ['y', 1],
  ]);
  assert.deepEqual(await cancelled(A, '/v1/usage?bucket=total&group_by=metadata.project'), [
    ['x', 1],
    ['y', 1],
  ]);
  assert.equal((await as(A, 'GET /admin/usage')).status, 403);
});

test('pages of buckets follow each other without a gap', async () => {
  const span = `from=${start - 2 * HOUR}&to=${start + 2 * HOUR}`;
  const seen: number[] = [];
  let page = '';
  let sum = 0;
  do {
    const { json } = await as(A, `GET /v1/usage?${span}&limit=3${page}`);
    for (const { from, to, results } of json.data) {
      assert.equal(to, from + HOUR);
      seen.push(from);
      sum += results[0].cancelled;
    }
    page = json.has_more ? `&page=${json.next_page}` : '';
  } while (page !== '');
  assert.deepEqual(
    seen,
    [-2, -1, 0, 1].map((hours) => start + hours * HOUR),
  );
  assert.equal(sum, 2);
});

const WRONG: [query: string, param: string, message: RegExp][] = [
  ['group_by=tenant', 'group_by', /found "tenant"; allowed: pool, deployment, metadata\.project/],
  ['group_by=metadata.user', 'group_by', /found "metadata.user".*metadata\.project/],
  ['bucket=week', 'bucket', /hour.*day.*total/],
  ['from=9&to=9', 'from', /found 9; allowed: a time before `to`, 9/],
  ['from=0&to=9999999', 'from', /found 0; allowed: at most 31 days before `to`/],
  ['from=yesterday', 'from', /a whole number/],
  ['limit=1000', 'limit', /from 1 to 168/],
  ['page=7', 'page', /the `next_page` of the same request/],
  ['until=7', 'until', /until/],
];
for (const [query, param, message] of WRONG) {
  test(`GET /v1/usage?${query} is a 400 that says what is allowed`, async () => {
    const { status, json } = await as(A, `GET /v1/usage?${query}`);
    assert.deepEqual([status, json.error.param], [400, param]);
    assert.match(json.error.message, message);
  });
}
