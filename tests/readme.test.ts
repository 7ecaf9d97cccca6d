/** What the README and examples/ print, run against a real system: an example that does not work is worse than none. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { System, until } from '@sluice/testing';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const PROMPT =
  '{"custom_id": "q-1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fast", "messages": [{"role": "user", "content": "17 × 3?"}]}}';

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments:
  sim: { provider: sim, model: sim, limits: { rpm: 6000 } }
  parked: { provider: sim, model: sim, weight: 0 }
pools: { fast: [sim], nowhere: [parked] }
webhooks: { allow: [127.0.0.0/8], allow_http: true }
`,
    simulator: {
      accounts: {
        sim: {
          key: 'key',
          format: 'openai',
          faults: [{ kind: 'content_refused', match: 'a refused prompt' }],
        },
      },
    },
  });
  writeFileSync(join(system.folder, 'prompts.jsonl'), `${PROMPT}\n`);
});
after(() => system.stop());

const env = () => ({ ...process.env, SLUICE_URL: `${system.apiUrl}/v1` });

/** A fenced block of the README, spoken to this system instead of port 8080. */
function block(language: string, containing: string): string {
  const blocks = [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))];
  const found = blocks.map(([, text]) => text as string).find((text) => text.includes(containing));
  assert.ok(found, `the README has a ${language} block with ${containing}`);
  return found
    .replaceAll('http://127.0.0.1:8080', system.apiUrl)
    .replaceAll('localhost:8080', system.apiUrl.replace('http://', ''));
}

const newestBatch = async (): Promise<{ id: string; status: string }> => {
  const { data } = (await (await fetch(`${system.apiUrl}/v1/batches?limit=1`)).json()) as {
    data: { id: string; status: string }[];
  };
  return data[0] as { id: string; status: string };
};

const python = await run('python3', ['-c', 'import openai']).then(
  () => 'python3',
  () => null,
);
const NO_PYTHON = python === null && 'python3 has no openai package here (pip install openai)';

test('the prompt line is the one the README prints', () => {
  assert.ok(readme.includes(PROMPT));
});

const anyPython = await run('python3', ['-c', 'import csv']).then(
  () => true,
  () => false,
);

const NO_CSV = !anyPython && 'no python3';

test('a CSV becomes the lines of a batch', { skip: NO_CSV }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-csv-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'prompts.csv'), 'id,prompt\nq-1,17 × 3?\nq-2,"a, ""b""\nc"\n');
  await run('python3', ['-c', block('python', 'csv.DictReader')], { cwd: folder });
  const lines = readFileSync(join(folder, 'prompts.jsonl'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(JSON.parse(lines[0] ?? ''), JSON.parse(PROMPT));
  const { body } = JSON.parse(lines[1] ?? '') as { body: { messages: { content: string }[] } };
  assert.equal(body.messages[0]?.content, 'a, "b"\nc');
});

test(
  'the results of a batch become a CSV, answers and errors alike',
  { skip: NO_CSV },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-csv-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'prompts.csv'), 'id,prompt\nq-1,17 × 3?\nq-2,refused\nq-3,later\n');
    const refused = PROMPT.replace('q-1', 'q-2').replace('17 × 3?', 'a refused prompt');
    const posted = await fetch(`${system.apiUrl}/v1/batches?completion_window=24h`, {
      method: 'POST',
      headers: { 'content-type': 'application/jsonl' },
      body: `${PROMPT}\n${refused}\n`,
    });
    const { id } = (await posted.json()) as { id: string };
    await until('the batch', async () => (await newestBatch()).status === 'completed');
    const read = block('sh', '/results"').replace('$BATCH', id);
    await run('sh', ['-c', read], { cwd: folder });
    const table = async (): Promise<string[]> => {
      await run('python3', ['-c', block('python', 'answers.csv')], { cwd: folder });
      return readFileSync(join(folder, 'answers.csv'), 'utf8').split('\r\n');
    };
    const [header, first = '', second = '', third] = await table();
    assert.equal(header, 'id,answer,error');
    assert.match(first, /^q-1,.+,$/);
    const error = /^q-2,,"(.*)"$/.exec(second)?.[1] ?? assert.fail(second);
    assert.match(error.replaceAll('""', '"'), /^\{"message": ".*content.*\}$/);
    assert.equal(third, 'q-3,,', 'it has no result yet');
    const retried = { choices: [{ message: { content: 'so be it' } }] };
    const line = { custom_id: 'q-2', response: { body: retried }, error: null };
    appendFileSync(join(folder, 'results.jsonl'), `${JSON.stringify(line)}\n`);
    assert.equal((await table())[2], 'q-2,so be it,');
  },
);

test(
  'lines of a cancelled batch that never ended have their reason in that CSV',
  { skip: NO_CSV },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-csv-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'prompts.csv'), 'id,prompt\nq-1,17 × 3?\nq-2,never\n');
    const never = PROMPT.replace('q-1', 'q-2').replace('"fast"', '"nowhere"');
    const posted = await fetch(`${system.apiUrl}/v1/batches?completion_window=24h`, {
      method: 'POST',
      headers: { 'content-type': 'application/jsonl' },
      body: `${PROMPT}\n${never}\n`,
    });
    const { id } = (await posted.json()) as { id: string };
    interface Seen {
      status: string;
      error_file_id: string | null;
      request_counts: { completed: number };
    }
    const read = async (): Promise<Seen> =>
      (await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).json()) as Seen;
    await until('its first line', async () => (await read()).request_counts.completed === 1);
    await fetch(`${system.apiUrl}/v1/batches/${id}/cancel`, { method: 'POST' });
    const ended = await until('its end', async () => {
      const batch = await read();
      return batch.status === 'cancelled' ? batch : null;
    });
    await run('sh', ['-c', block('sh', '/results"').replace('$BATCH', id)], { cwd: folder });
    const rest = block('sh', '$ERROR_FILE_ID').replace('$ERROR_FILE_ID', ended.error_file_id ?? '');
    await run('sh', ['-c', rest], { cwd: folder });
    await run('python3', ['-c', block('python', 'answers.csv')], { cwd: folder });
    const rows = readFileSync(join(folder, 'answers.csv'), 'utf8').split('\r\n');
    assert.match(rows[1] ?? '', /^q-1,.+,$/);
    assert.match(rows[2] ?? '', /^q-2,,.*batch_cancelled/);
  },
);

test('the Node lines of the README make a batch that ends', async () => {
  const file = join(root, 'tests', `readme-${process.pid}.mjs`);
  writeFileSync(
    file,
    block('js', 'batches.create').replace(
      "'prompts.jsonl'",
      JSON.stringify(join(system.folder, 'prompts.jsonl')),
    ),
  );
  try {
    await run(process.execPath, [file]);
  } finally {
    rmSync(file);
  }
  await until('the batch', async () => (await newestBatch()).status === 'completed');
});

test('the Python lines of the README make a batch that ends', { skip: NO_PYTHON }, async () => {
  const earlier = await newestBatch();
  await run('python3', ['-c', block('python', 'batches.create')], { cwd: system.folder });
  await until('the batch', async () => {
    const batch = await newestBatch();
    return batch.id !== earlier.id && batch.status === 'completed';
  });
});

test('examples/batch.mjs prints its answers', async () => {
  const { stdout } = await run(process.execPath, [join(root, 'examples/batch.mjs')], {
    env: env(),
  });
  assert.match(stdout, /completed: 3 answered, 0 failed/);
  assert.equal(stdout.split('\n').filter((line) => line.startsWith('{')).length, 3);
});

test('examples/batch.py prints its answers', { skip: NO_PYTHON }, async () => {
  const { stdout } = await run('python3', [join(root, 'examples/batch.py')], { env: env() });
  assert.match(stdout, /completed: 3 answered, 0 failed/);
});

const BATCH_EXAMPLES: [string, string, string | boolean][] = [
  [process.execPath, 'batch.mjs', false],
  ['python3', 'batch.py', NO_PYTHON],
];
for (const [program, name, skip] of BATCH_EXAMPLES) {
  test(
    `examples/${name} goes to PORT of this machine where no SLUICE_URL is set`,
    { skip },
    async () => {
      const { port } = new URL(system.apiUrl);
      const { stdout } = await run(program, [join(root, 'examples', name)], {
        env: { ...process.env, SLUICE_URL: undefined, PORT: port },
      });
      assert.match(stdout, /completed: 3 answered, 0 failed/);
    },
  );

  test(`examples/${name} says what is wrong with its file`, { skip }, async () => {
    const started = run(program, [join(root, 'examples', name)], {
      env: { ...env(), SLUICE_MODEL: 'nope' },
    });
    await assert.rejects(started, ({ code, stdout }: { code: number; stdout: string }) => {
      assert.equal(code, 1);
      assert.match(stdout, /^failed: 0 answered/);
      assert.equal(stdout.match(/^line \d: The model "nope" does not exist/gm)?.length, 3);
      return true;
    });
  });
}

test('the file in one call with curl makes a batch', async () => {
  const command = block('sh', '--data-binary');
  const { stdout } = await run('sh', ['-c', command], { cwd: system.folder });
  assert.equal((JSON.parse(stdout) as { object: string }).object, 'batch');
});

test('the job with curl is accepted', async () => {
  const [command] = block('sh', '/v1/jobs').split('\ncurl -s "');
  const { stdout } = await run('sh', ['-c', command as string]);
  assert.equal((JSON.parse(stdout) as { object: string }).object, 'job');
});
