/** A day's limit that is used up: what can go elsewhere does, at once, and whoever has nowhere to go is told why it waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  System,
  batchWhen,
  chatBody,
  chatLine,
  chatLines,
  endOfBatch,
  postBatch,
  until,
} from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

interface Batch extends SeenBatch {
  sluice: {
    eta_at: number | null;
    by_deployment: Record<string, number>;
    blocked: { deployment: string; reason: string }[];
  };
}

interface DryRun {
  eta_at: number;
  deadline: { meets: boolean };
}

const account = (key: string, day: object = {}) => ({
  key,
  format: 'openai',
  limits: { rpm: 6_000, ...day },
});

/** What the provider refused: its own count of what a day holds. */
async function refusedBy(system: System, id: string): Promise<number> {
  const { accounts } = await system.simulated<Stats>();
  return accounts[id]?.limited ?? -1;
}

interface Stats {
  accounts: Record<string, { limited: number }>;
}

const lines = (model: string, count: number): string =>
  chatLines(count, (i) => chatBody(`q ${i}`, { model, max_tokens: 8 }));

test('lines go to the next tier when a day is used up; those that may not say what they wait for', async () => {
  const system = await System.start({
    config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
  two: { type: openai, base_url: "{{simulator}}/v1", api_key: two }
deployments:
  day: { provider: one, model: m, limits: { rpm: 6000, rpd: 30 } }
  free: { provider: two, model: m, limits: { rpm: 6000 } }
pools: { both: { tiers: [[day], [free]] }, only: [day] }
`,
    simulator: { accounts: { one: account('one', { rpd: 30 }), two: account('two') } },
  });
  const { apiUrl } = system;
  try {
    const days = await postBatch<DryRun>(apiUrl, lines('only', 100), { query: 'dry_run=true' });
    const inDays = (days.eta_at - Date.now() / 1_000) / 86_400;
    assert.ok(inDays > 2.9 && inDays < 3.1, `30 now, then 30 a day: in ${inDays} days`);
    assert.equal(days.deadline.meets, false);

    const { id: both } = await postBatch(apiUrl, lines('both', 200));
    const done = await endOfBatch<Batch>(apiUrl, both);
    assert.equal(done.request_counts.completed, 200);
    assert.equal(done.sluice.by_deployment['day'], 30, 'all that its day allows, and no more');
    assert.equal(await refusedBy(system, 'one'), 0, 'its provider counts the same');

    const { id: only } = await postBatch(apiUrl, lines('only', 5));
    const waiting = await batchWhen<Batch>(
      apiUrl,
      only,
      ({ sluice }) => sluice.blocked.length > 0 && sluice.eta_at === null,
    );
    const [{ deployment, reason } = { deployment: '', reason: '' }] = waiting.sluice.blocked;
    assert.equal(deployment, 'day');
    assert.match(reason, /^rpd of budget day is used up: 30 of 30; something comes back at 20/);
  } finally {
    await system.stop();
  }
});

interface Job {
  id: string;
  status: string;
  attempts: { deployment: string; outcome: string }[];
  waiting?: { reason: string; deployments: { deployment: string; reason: string }[] };
}

interface Live {
  id: string;
  state: string;
  reason: string | null;
}

/** About so many input tokens, counted as 4 characters each. */
const prompt = (tokens: number): string => 'abc '.repeat(tokens);

const request = (tokens: number) => chatBody(prompt(tokens), { max_tokens: 8 });

class Client {
  readonly #url: string;

  constructor({ apiUrl }: System) {
    this.#url = apiUrl;
  }

  async read<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.#url}${path}`)).json()) as T;
  }

  /** A batch with a line of each of these sizes, in tokens. */
  batch(model: string, sizes: readonly number[]): Promise<Batch> {
    const text = sizes.map((tokens, i) => chatLine(`${i}`, { model, ...request(tokens) }));
    return postBatch(this.#url, text.join('\n'));
  }

  async job(model: string, tokens: number): Promise<Job> {
    const order = JSON.stringify({ model, body: request(tokens) });
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(`${this.#url}/v1/jobs`, { method: 'POST', headers, body: order });
    return (await reply.json()) as Job;
  }

  /** These jobs, once so many of them have succeeded. */
  succeeded(ids: readonly string[], least: number): Promise<Job[]> {
    return until(`${least} of ${ids.length} jobs have succeeded`, async () => {
      const jobs = await Promise.all(ids.map((id) => this.read<Job>(`/v1/jobs/${id}`)));
      return jobs.filter(({ status }) => status === 'succeeded').length >= least ? jobs : null;
    });
  }

  /** The deployment, once it stands as paused. */
  paused(id: string): Promise<Live> {
    return until(`${id} stands as paused`, async () => {
      const { data } = await this.read<{ data: Live[] }>('/admin/deployments');
      const live = data.find((one) => one.id === id);
      return live?.state === 'paused' ? live : null;
    });
  }
}

/** `day`, with this limit and input at $ 1 for a thousand tokens, before `free`. */
const startWith = (limit: string): Promise<System> =>
  System.start({
    config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
  two: { type: openai, base_url: "{{simulator}}/v1", api_key: two }
deployments:
  day: { provider: one, model: m, limits: { rpm: 6000, ${limit} }, price: { input: 1000, output: 0 } }
  free: { provider: two, model: m, limits: { rpm: 6000 } }
pools: { both: { tiers: [[day], [free]] }, only: [day] }
`,
    simulator: { accounts: { one: account('one'), two: account('two') } },
  });

test('what a day has too little left for goes on elsewhere, lines and single jobs alike', async () => {
  const system = await startWith('tpd: 15300');
  const client = new Client(system);
  try {
    const { id } = await client.batch('both', Array<number>(60).fill(1_000));
    const done = await endOfBatch<Batch>(system.apiUrl, id);
    const { day = 0, free = 0 } = done.sluice.by_deployment;
    assert.equal(done.request_counts.completed, 60);
    assert.ok(day >= 10 && day <= 15, `${day} lines of about 1,010 tokens in 15,300`);
    assert.equal(day + free, 60, 'each called once');

    const jobs = await Promise.all(Array.from({ length: 30 }, () => client.job('both', 1_000)));
    const ended = await client.succeeded(
      jobs.map((job) => job.id),
      30,
    );
    assert.ok(ended.every(({ attempts }) => attempts.length === 1));
    const { reason } = await client.paused('day');
    const [, used] = /^tpd of budget day .*: ([\d.]+) of 15300;/.exec(reason ?? '') ?? [];
    assert.ok(Number(used) > 14_000 && Number(used) <= 15_300, reason ?? 'no reason');
  } finally {
    await system.stop();
  }
});

test('large jobs that a day has too little left for hold up no small ones, and say what they wait for', async () => {
  const system = await startWith('usd_per_day: 3');
  const client = new Client(system);
  try {
    const first = await client.job('only', 2_000);
    await client.succeeded([first.id], 1);
    const large = await Promise.all([1, 2].map(() => client.job('only', 2_000)));
    const small = await Promise.all([1, 2, 3, 4, 5].map(() => client.job('only', 100)));
    const ended = await client.succeeded(
      small.map(({ id }) => id),
      5,
    );
    assert.ok(ended.every(({ attempts }) => attempts.length === 1));
    const { reason } = await client.paused('day');
    assert.match(
      reason ?? '',
      /^usd_per_day of budget day has too little left for what waits: 2\.\d+ of 3; something/,
    );
    for (const { id } of large) {
      const job = await client.read<Job>(`/v1/jobs/${id}`);
      assert.deepEqual([job.status, job.attempts.length], ['queued', 0]);
      assert.equal(job.waiting?.deployments[0]?.deployment, 'day');
    }

    // It fits still: the pause is not for those.
    const late = await client.job('only', 50);
    await client.succeeded([late.id], 1);
    const { id } = await client.batch('only', [2_000, 2_000, 50, 50, 50]);
    const waiting = await batchWhen<Batch>(
      system.apiUrl,
      id,
      ({ request_counts: { completed }, sluice }) => completed === 3 && sluice.blocked.length > 0,
      { what: 'the small lines are done and the large ones wait' },
    );
    assert.equal(waiting.sluice.blocked[0]?.deployment, 'day');
    const told = await batchWhen<Batch>(system.apiUrl, id, ({ sluice }) => sluice.eta_at === null, {
      what: 'nobody knows when it will be done',
    });
    assert.deepEqual(told.sluice.by_deployment, { day: 3 });
  } finally {
    await system.stop();
  }
});
