// `npm start` as a user has it: every role for real, the demo's providers, one job, and an end that leaves nothing.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '@sluice/testing';

const root = join(import.meta.dirname, '..');

test('npm start answers a job and ends with everything it started', async (t) => {
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
  const start = spawn(process.execPath, ['scripts/start.mjs'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(async () => {
    if (start.exitCode === null && start.signalCode === null) {
      start.kill('SIGTERM');
      await once(start, 'exit');
    }
    rmSync(data, { recursive: true });
  });
  let shown = '';
  for (const stream of [start.stdout, start.stderr]) stream.on('data', (text) => (shown += text));
  await new Promise<void>((resolve, reject) => {
    start.stdout.on('data', () => shown.includes('Ctrl-C drains') && resolve());
    start.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${shown}`)));
  });

  const url = `http://127.0.0.1:${port}`;
  const body = JSON.stringify({
    model: 'fast',
    body: { messages: [{ role: 'user', content: '17 × 3?' }] },
  });
  const accepted = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  assert.equal(accepted.status, 202);
  const { id } = (await accepted.json()) as { id: string };
  const answered = await fetch(`${url}/v1/jobs/${id}?wait_ms=30000`);
  const job = (await answered.json()) as { status: string; attempts: { deployment: string }[] };
  assert.equal(job.status, 'succeeded', JSON.stringify(job));
  assert.match(job.attempts[0]?.deployment ?? '', /^sim-[ab]$/);

  start.kill('SIGTERM');
  const [code] = (await once(start, 'exit')) as [number];
  assert.equal(code, 0, shown);
  assert.match(shown, /Stopped\.\n/);
  await assert.rejects(fetch(`${url}/healthz`));
});
