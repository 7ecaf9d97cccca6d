/** A strict A/B test on the whole system: jobs and lines wait for their arm, and leave it only when all of it is out or has failed them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, batchWhen, chatBody, chatLines, postBatch, rowsAt, until } from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

/** `small` takes five calls a second, nobody answers for `gone`. `only` has no tier below, `loose` is not strict. */
let system: System;
before(async () => {
  system = await System.start({
    config: `
providers:
  sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key }
  off: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: key }
deployments:
  large: { provider: sim, model: sim, limits: { rpm: 60000 } }
  small: { provider: sim, model: sim, limits: { rpm: 300 } }
  spare: { provider: sim, model: sim, limits: { rpm: 60000 } }
  gone: { provider: off, model: sim, limits: { rpm: 60000 } }
pools:
  ab: { strategy: { name: split, arms: { large: 50, small: 50 }, strict: true }, tiers: [[large, small], [spare]] }
  only: { strategy: { name: split, arms: { large: 50, small: 50 }, strict: true }, tiers: [[large, small]] }
  loose: { strategy: { name: split, arms: { large: 50, small: 50 } }, tiers: [[large, small]] }
  half_gone: { strategy: { name: split, arms: { large: 50, gone: 50 }, strict: true }, tiers: [[large, gone], [spare]] }
`,
    simulator: { accounts: { sim: { key: 'key', format: 'openai' } } },
  });
});
after(() => system.stop());

const body = chatBody('hi', { max_tokens: 8 });

interface Job {
  id: string;
  status: string;
  attempts: { deployment: string; instead_of?: string }[];
}

async function send(method: string, path: string, json: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${system.apiUrl}${path}`, { method, headers, body: JSON.stringify(json) });
}

const read = async (id: string, waitMs = 30_000): Promise<Job> =>
  (await (await fetch(`${system.apiUrl}/v1/jobs/${id}?wait_ms=${waitMs}`)).json()) as Job;

async function submit(model: string, key?: string): Promise<string> {
  const answer = await send('POST', '/v1/jobs', { model, body, affinity_key: key });
  return ((await answer.json()) as Job).id;
}

const run = async (model: string, key?: string): Promise<Job> => read(await submit(model, key));

/** In force when it is answered, in the dispatcher within a second. */
async function setState(deployment: string, state: string | null): Promise<void> {
  await send('PATCH', `/admin/deployments/${deployment}`, { state });
  await until(`${deployment} to be ${state ?? 'active'}`, async () => {
    const answer = await fetch(`${system.apiUrl}/admin/deployments`);
    const { data } = (await answer.json()) as { data: { id: string; state: string }[] };
    return data.find(({ id }) => id === deployment)?.state === (state ?? 'active');
  });
}

const on = (deployment: string, attempts: readonly { deployment: string }[]): number =>
  attempts.filter((one) => one.deployment === deployment).length;

const isDone = ({ status }: Job): boolean => status === 'succeeded';

async function submitBatch(model: string, lines: number): Promise<string> {
  const text = chatLines(lines, () => ({ model, ...body }));
  return (await postBatch(system.apiUrl, text)).id;
}

/** The lines of a batch, once it has ended. */
async function linesOf(id: string): Promise<Pick<Job, 'attempts'>[]> {
  const url = `${system.apiUrl}/v1/batches/${id}/results?follow=true`;
  return (await rowsAt<{ sluice: Job }>(url)).map(({ sluice }) => sluice);
}

const runBatch = async (model: string, lines: number): Promise<Pick<Job, 'attempts'>[]> =>
  linesOf(await submitBatch(model, lines));

interface Seen extends SeenBatch {
  created_at: number;
  sluice: { eta_at: number | null };
}

/** Each moment that it was expected to be done at while it drained, in seconds after it was made. */
async function etasOf(id: string): Promise<number[]> {
  const etas: number[] = [];
  const ended = (batch: Seen): boolean => {
    const { eta_at: eta } = batch.sluice;
    if (batch.status === 'in_progress' && eta !== null) etas.push(eta - batch.created_at);
    return batch.status === 'completed';
  };
  await batchWhen(system.apiUrl, id, ended);
  return etas;
}

const attemptsOf = (jobs: readonly Pick<Job, 'attempts'>[]): Job['attempts'] =>
  jobs.flatMap(({ attempts }) => attempts);

/** `small` begins with what half a second allows, and then does one each 200 ms. */
const leastMsOnSmall = (calls: number): number => (calls - 3) * 200;

test('a batch is halved to the line, although the small arm takes five a second; nothing spills', async () => {
  const begun = performance.now();
  const id = await submitBatch('ab', 60);
  const [lines, etas] = await Promise.all([linesOf(id), etasOf(id)]);
  const attempts = attemptsOf(lines);
  assert.ok(performance.now() - begun >= leastMsOnSmall(30), 'its lines have waited');
  assert.ok(etas.length > 0 && Math.min(...etas) >= 4, `expected after ${etas.join(', ')} s`);
  assert.equal(attempts.length, 60);
  assert.deepEqual([on('large', attempts), on('small', attempts)], [30, 30]);
  assert.ok(attempts.every((one) => one.instead_of === undefined));
  const { arms } = await until('all calls to be counted', async () => {
    const answer = await fetch(`${system.apiUrl}/admin/pools`);
    const { data } = (await answer.json()) as {
      data: { id: string; arms: { calls: number; spilled: number; compared: { got: number }[] } }[];
    };
    const pool = data.find((one) => one.id === 'ab');
    return pool?.arms.calls === 60 && pool;
  });
  assert.equal(arms.spilled, 0);
  assert.deepEqual(
    arms.compared.map(({ got }) => got),
    [0.5, 0.5],
  );
});

test('without `strict` what the small arm cannot take spills, and says so', async () => {
  // About nineteen chunks to `large`, each by a lot of its own: that none is meant for `small` is less likely than one in 100,000.
  const attempts = attemptsOf(await runBatch('loose', 600));
  assert.equal(on('large', attempts) + on('small', attempts), 600);
  const spilled = attempts.filter((one) => one.instead_of === 'small');
  assert.ok(spilled.length > 0 && on('large', spilled) === spilled.length, `${spilled.length}`);
  assert.ok(on('small', attempts) < 150, 'nobody waits for it');
});

test('single jobs are drawn by lot and wait for their arm; those of a key stay together', async () => {
  const begun = performance.now();
  const attempts = attemptsOf(await Promise.all(Array.from({ length: 30 }, () => run('only'))));
  assert.ok(performance.now() - begun >= leastMsOnSmall(on('small', attempts)));
  assert.ok(attempts.every((one) => one.instead_of === undefined));
  assert.equal(on('large', attempts) + on('small', attempts), 30);
  // Both halves of 30 fair lots: less than 3 is as likely as one in two million.
  assert.ok(on('large', attempts) >= 3 && on('small', attempts) >= 3);
  for (const key of ['u1', 'u2', 'u3']) {
    const same = await Promise.all(Array.from({ length: 4 }, () => run('ab', key)));
    assert.equal(new Set(same.map(({ attempts: [first] }) => first?.deployment)).size, 1);
  }
});

test('an arm that is out: its jobs go to the next tier and say so, the other arm’s stay where they are', async () => {
  await setState('small', 'paused');
  const attempts = attemptsOf(await runBatch('ab', 40));
  assert.deepEqual([on('large', attempts), on('spare', attempts)], [20, 20]);
  for (const { deployment, instead_of: meant } of attempts)
    assert.equal(meant, deployment === 'spare' ? 'small' : undefined);
  await setState('small', null);
});

test('an arm of which all has failed a job: the next tier, and never the other arm', async () => {
  const jobs = await Promise.all(Array.from({ length: 20 }, () => run('half_gone')));
  assert.ok(jobs.every(isDone));
  const lines = await runBatch('half_gone', 40);
  assert.equal(on('large', attemptsOf(lines)), 20);
  assert.ok(on('gone', attemptsOf([...jobs, ...lines])) > 0);
  for (const { attempts } of [...jobs, ...lines]) {
    const ends = attempts.at(-1);
    if (ends?.deployment === 'large') assert.equal(attempts.length, 1);
    else assert.deepEqual([ends?.deployment, ends?.instead_of], ['spare', 'gone']);
    assert.ok(attempts.slice(0, -1).every((one) => one.deployment === 'gone'));
  }
});

test('without a next tier they wait until it is back', async () => {
  await setState('small', 'paused');
  const ids = await Promise.all(Array.from({ length: 30 }, () => submit('only')));
  const ofLarge = await until('the other arm’s jobs to be done', async () => {
    const jobs = await Promise.all(ids.map((id) => read(id, 0)));
    const left = jobs.filter((job) => !isDone(job));
    return (
      left.length < 28 && left.every(({ status }) => status === 'queued') && jobs.filter(isDone)
    );
  });
  assert.equal(on('large', attemptsOf(ofLarge)), ofLarge.length);
  await setState('small', null);
  const jobs = await Promise.all(ids.map((id) => read(id)));
  assert.ok(jobs.every(isDone));
  const attempts = attemptsOf(jobs);
  assert.ok(on('small', attempts) >= 3, `${on('small', attempts)}`);
  assert.ok(attempts.every((one) => one.instead_of === undefined));
});
