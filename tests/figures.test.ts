/** What the admin pages say while work runs, against what the providers were really sent. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, postBatch, until } from '@sluice/testing';

const NAMES = ['nine', 'one', 'cheap', 'dear', 'slow', 'well', 'ill'];
const account = (key: string) => ({ key, format: 'openai', latency: { first_token_ms: 20 } });
const entry = (name: string, more = ''): string =>
  `  ${name}: { provider: ${name}, model: m, limits: { rpm: ${name === 'slow' ? 6 : 6_000} }${more} }`;

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers:
${NAMES.map((name) => `  ${name}: { type: openai, base_url: "{{simulator}}/v1", api_key: ${name} }`).join('\n')}
deployments:
${entry('nine', ', weight: 9')}
${entry('one')}
${entry('cheap', ', price: { input: 1, output: 1 }')}
${entry('dear', ', price: { input: 9, output: 9 }')}
${['slow', 'well', 'ill'].map((name) => entry(name)).join('\n')}
pools:
  byweight: { strategy: weighted, tiers: [[nine, one]] }
  byprice: { strategy: cost, tiers: [[cheap, dear]] }
  slow: [slow]
  equal: { strategy: round_robin, tiers: [[well, ill]] }
`,
    simulator: { accounts: Object.fromEntries(NAMES.map((name) => [name, account(name)])) },
    volatile: true,
  });
});
after(() => system.stop());

const enough = { timeoutMs: 60_000, everyMs: 50 };

/** Repeated under its key while Redis takes longer than people are asked to wait. */
async function post(path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  await until(
    'it is accepted',
    async () => {
      const response = await fetch(`${system.apiUrl}${path}`, init);
      const text = await response.text();
      assert.ok(response.ok || response.status === 503, text);
      return response.ok;
    },
    enough,
  );
}
const request = (model: string, n: number) => chatBody(`${model} ${n}`, { max_tokens: 5 });

async function jobs(model: string, count: number): Promise<void> {
  const orders = Array.from({ length: count }, (_, i) => ({ model, body: request(model, i) }));
  await Promise.all(orders.map((order) => post('/v1/jobs', order)));
}

const batch = (model: string, count: number) =>
  postBatch(
    system.apiUrl,
    chatLines(count, (i) => ({ model, ...request(model, i) })),
    { query: 'completion_window=1h' },
  );

const list = async <Row>(path: string): Promise<Row[]> =>
  ((await (await fetch(`${system.apiUrl}${path}`)).json()) as { data: Row[] }).data;

interface Pool {
  id: string;
  queued: number;
  in_flight: number;
  deployments: { id: string; state: string; share: number | null; capacity_share: number }[];
}
const poolNow = async (id: string): Promise<Pool> =>
  (await list<Pool>('/admin/pools')).find((pool) => pool.id === id) ?? assert.fail(id);
const sharesOf = ({ deployments }: Pool): (number | null)[] =>
  deployments.map(({ share }) => share);

/** What was placed a few seconds earlier counts a little less. */
const isNear = (found: number | null | undefined, expected: number): boolean =>
  typeof found === 'number' && Math.abs(found - expected) < 0.05;

interface Deployment {
  id: string;
  succeeded?: number;
  error_rate: number | null;
}
const deploymentNow = async (id: string): Promise<Deployment> =>
  (await list<Deployment>('/admin/deployments')).find((one) => one.id === id) ?? assert.fail(id);

/** Answered ones of two deployments. */
const callsOf = async (...pair: [string, string]): Promise<[number, number]> => {
  const [one, other] = await Promise.all(pair.map(deploymentNow));
  return [one?.succeeded ?? 0, other?.succeeded ?? 0];
};

const illNow = async () => (await poolNow('equal')).deployments.find(({ id }) => id === 'ill');

test('share is what a strategy gives, not what the limits would let pass', async () => {
  assert.deepEqual(sharesOf(await poolNow('byweight')), [null, null], 'before anything is placed');
  await jobs('byweight', 40);
  await batch('byprice', 13);
  const [nine] = await until(
    'all to be answered',
    async () => {
      const made = await callsOf('nine', 'one');
      return made[0] + made[1] === 40 && made;
    },
    enough,
  );
  const pool = await until(
    'shares like the calls',
    async () => {
      const found = await poolNow('byweight');
      const [more, less] = sharesOf(found);
      return isNear(more, nine / 40) && isNear(less, 1 - nine / 40) && found;
    },
    enough,
  );
  assert.deepEqual(
    pool.deployments.map((one) => one.capacity_share),
    [0.5, 0.5],
  );
  await until(
    'the cheap one has it all',
    async () => {
      const [cheap, dear] = sharesOf(await poolNow('byprice'));
      return cheap === 1 && dear === 0;
    },
    enough,
  );
});

test('queued is all that waits: single jobs and lines, in whatever place', async () => {
  await jobs('slow', 150);
  await batch('slow', 150);
  const { queued } = await until(
    'all of it to be seen',
    async () => {
      const pool = await poolNow('slow');
      return pool.queued > 150 && pool;
    },
    enough,
  );
  // Six a minute are called; hardly more have a place.
  assert.ok(queued >= 280 && queued <= 300, `${queued} of 300`);
});

test('who breaks has no share within two seconds, and shows how many of its last calls failed', async () => {
  await jobs('equal', 100);
  await until(
    'all to be answered',
    async () => {
      const [well, ill] = await callsOf('well', 'ill');
      return well + ill === 100 && ill > 0;
    },
    enough,
  );
  await system.simulate('ill', { faults: [{ kind: 'outage' }] });
  await jobs('equal', 40);
  await until('it breaks', async () => (await illNow())?.state === 'broken', enough);
  await until('its share is 0', async () => (await illNow())?.share === 0, { timeoutMs: 2_000 });
  const { error_rate: rate } = await deploymentNow('ill');
  assert.ok(rate !== null && rate > 0, `${rate}`);
  await until(
    'the other has all of it',
    async () => {
      const [well, ill] = sharesOf(await poolNow('equal'));
      return well === 1 && ill === 0;
    },
    enough,
  );
});
