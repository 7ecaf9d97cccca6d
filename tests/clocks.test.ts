/** Machines whose clocks are off: their processes go by Redis's, so nothing is called twice, and nothing ends before its time. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody } from '@sluice/testing';

const TEN_MINUTES = 600_000;
/** Long enough for the sweeper to look at what is being called. */
const CALL_MS = 3_000;

/** For a process whose clock is off by so many ms. */
function off(ms: number): { NODE_OPTIONS: string } {
  const source = `
    const right = Date;
    globalThis.Date = class extends right {
      constructor(...given) { super(...(given.length === 0 ? [right.now() + ${ms}] : given)); }
      static now() { return right.now() + ${ms}; }
    };`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(source)}` };
}

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments: { sim: { provider: sim, model: sim, limits: { rpm: 60000 } } }
pools: { fast: [sim] }
`,
    simulator: {
      accounts: { sim: { key: 'key', format: 'openai', latency: { first_token_ms: CALL_MS } } },
    },
    roles: { worker: 0, dispatcher: 0, api: 0 },
  });
});
after(() => system.stop());

interface Job {
  id: string;
  status: string;
  attempts: { outcome: string }[];
}

async function ask(path: string, body?: object): Promise<Job> {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const response = await fetch(
    `${system.apiUrl}${path}`,
    body && { ...sent, body: JSON.stringify(body) },
  );
  return (await response.json()) as Job;
}

/** Each is done within a minute of its acceptance, or expires. */
async function endOfJobs(count: number): Promise<Job[]> {
  const order = { model: 'fast', body: chatBody('what time is it?'), deadline_ms: 60_000 };
  const jobs = await Promise.all(Array.from({ length: count }, () => ask('/v1/jobs', order)));
  return Promise.all(jobs.map(({ id }) => ask(`/v1/jobs/${id}?wait_ms=20000`)));
}

const ROLES = ['worker', 'dispatcher', 'api'] as const;

for (const [what, ...clocks] of [
  ['the worker ahead, the others behind', TEN_MINUTES, -TEN_MINUTES, -TEN_MINUTES],
] as const) {
  test(`with clocks ten minutes off each job is called once: ${what}`, async () => {
    const names = await Promise.all(
      ROLES.map((role, i) => system.launch(role, [], off(clocks[i] as number))),
    );
    for (const job of await endOfJobs(6)) {
      const outcomes = job.attempts.map(({ outcome }) => outcome);
      assert.deepEqual([job.status, outcomes], ['succeeded', ['ok']]);
    }
    await Promise.all(names.map((name) => system.end(name)));
  });
}
