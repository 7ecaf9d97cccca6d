// `npm start` as a user has it: every role for real, the demo's providers, one job, and an end that leaves nothing.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { freePort } from '@sluice/testing';

const root = join(import.meta.dirname, '..');

interface Start {
  process: ChildProcess;
  /** What the user sees. */
  shown: () => string;
}

/** A data folder and a port of its own, for one or more starts one after the other. */
async function startable(t: TestContext) {
  const data = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  const port = await freePort();
  const env = {
    ...process.env,
    PORT: String(port),
    HOST: '127.0.0.1',
    SLUICE_CONFIG: 'demo',
    SLUICE_DATA_DIR: data,
    REDIS_URL: '',
    LOG_LEVEL: 'warn',
  };
  const started: ChildProcess[] = [];
  t.after(async () => {
    for (const child of started) await end(child);
    rmSync(data, { recursive: true });
  });
  /** Resolves when the screen is there. */
  const start = async (): Promise<Start> => {
    const child = spawn(process.execPath, ['scripts/start.mjs'], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    let shown = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (shown += text));
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', () => shown.includes('Ctrl-C drains') && resolve());
      child.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${shown}`)));
    });
    return { process: child, shown: () => shown };
  };
  return { data, url: `http://127.0.0.1:${port}`, start, env };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

async function submit(url: string): Promise<string> {
  const accepted = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'fast',
      body: { messages: [{ role: 'user', content: '17 × 3?' }] },
    }),
  });
  assert.equal(accepted.status, 202);
  return ((await accepted.json()) as { id: string }).id;
}

async function answerTo(url: string, id: string) {
  const answered = await fetch(`${url}/v1/jobs/${id}?wait_ms=30000`);
  return (await answered.json()) as { status: string; attempts: { deployment: string }[] };
}

test('npm start answers a job and ends with everything it started', async (t) => {
  const { url, start, env } = await startable(t);
  const { process: started, shown } = await start();
  const doctor = spawnSync(
    process.execPath,
    ['scripts/role.mjs', 'apps/doctor/src/main.ts', '--json'],
    { cwd: root, env, encoding: 'utf8' },
  );
  assert.equal(doctor.status, 0, doctor.stdout);
  assert.match(doctor.stdout, /sim-smart answered/, 'the doctor finds the providers of the demo');
  const job = await answerTo(url, await submit(url));
  assert.equal(job.status, 'succeeded', JSON.stringify(job));
  assert.match(job.attempts[0]?.deployment ?? '', /^sim-[ab]$/);

  const exit = once(started, 'exit') as Promise<[number]>;
  started.kill('SIGTERM');
  assert.equal((await exit)[0], 0, shown());
  assert.match(shown(), /Stopped\.\n/);
  await assert.rejects(fetch(`${url}/healthz`));
});

test('npm start after a hard kill goes on with every job of the one before', async (t) => {
  const { data, url, start } = await startable(t);
  const first = await start();
  const done = await submit(url);
  assert.equal((await answerTo(url, done)).status, 'succeeded');
  const open = await Promise.all(Array.from({ length: 20 }, () => submit(url)));
  const note = JSON.parse(readFileSync(join(data, 'launched.json'), 'utf8')) as { pid: number };
  const ended = once(first.process, 'exit');
  process.kill(note.pid, 'SIGKILL');
  await ended;

  const second = await start();
  assert.equal((await answerTo(url, done)).status, 'succeeded', 'what had ended is still there');
  const jobs = await Promise.all(open.map((id) => answerTo(url, id)));
  assert.deepEqual(
    jobs.filter(({ status }) => status !== 'succeeded'),
    [],
    second.shown(),
  );
});
