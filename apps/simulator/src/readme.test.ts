/** What the README prints is run: its simulator.json as a process, its sluice.yaml against that. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '@sluice/testing';
import { readOptions } from './options.ts';

const MAIN = new URL('main.ts', import.meta.url).pathname;
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const blockOf = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(readme)?.[1] ?? '';

test('the config of the README is one, and its keys are those that the sluice.yaml beside it sends', () => {
  const read = readOptions(JSON.parse(blockOf('json')));
  assert.ok(read.ok, JSON.stringify(read));
  const sent = [...blockOf('yaml').matchAll(/api_key: (\S+) \}/g)].map(([, key]) => key);
  assert.deepEqual(
    Object.values(read.options.accounts).map(({ key }) => key),
    sent,
  );
  const limits = [
    read.options.accounts['openai-a']?.limits,
    read.options.groups['anthropic-org']?.limits,
  ];
  const known = [...blockOf('yaml').matchAll(/limits: (\{[^}]*\})/g)].map(
    ([, text]) => JSON.parse((text as string).replaceAll(/(\w+):/g, '"$1":')) as object,
  );
  assert.deepEqual(limits, known, 'Sluice can keep only limits that it knows');
});

test('the simulator runs with it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-simulator-'));
  const file = join(folder, 'simulator.json');
  writeFileSync(file, blockOf('json'));
  const port = await freePort();
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    env: { ...process.env, SIMULATOR_CONFIG: file, PORT: String(port), LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true });
  });
  await once(child, 'message');
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sim-openai-a', 'content-type': 'application/json' },
    body: '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"17 × 3?"}]}',
  });
  assert.equal(response.status, 200, await response.text());
});
