/** Whatever a client sends, and wherever it stops sending: the process that got it goes on serving. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { seededRandom, startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { FLEET } from './test-api.ts';

const MAX_FILE_BYTES = 400_000;
const SMALL = '{"custom_id":"a"}\n';
const LARGE = SMALL.repeat(20_000);
const TOO_LARGE = 'x'.repeat(2 * MAX_FILE_BYTES);

let redis: TestRedis;
let child: ChildProcess;
let port = 0;
let errors = '';
const folder = mkdtempSync(join(tmpdir(), 'sluice-hostile-'));
before(async () => {
  redis = await startRedis();
  const config = join(folder, 'sluice.yaml');
  writeFileSync(config, `${FLEET}server: { max_file_bytes: ${MAX_FILE_BYTES} }\n`);
  child = fork(new URL('main.ts', import.meta.url), [], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      REDIS_URL: redis.url,
      SLUICE_DATA_DIR: folder,
      SLUICE_CONFIG: config,
    },
    silent: true,
  });
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout?.resume();
  [{ port }] = (await once(child, 'message')) as [{ port: number }];
});
after(async () => {
  if (child.exitCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

const field = (name: string, value: string): string =>
  `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, content: string): string =>
  `--x\r\ncontent-disposition: form-data; name="${name}"; filename="a.jsonl"\r\n\r\n${content}\r\n`;
const form = (...parts: string[]): string => `${parts.join('')}--x--\r\n`;
const PURPOSE = field('purpose', 'batch');

/** What is sent, by what is wrong with it. */
const FORMS: Record<string, string> = {
  'misnamed, small': form(PURPOSE, file('data', SMALL)),
  'misnamed, large': form(PURPOSE, file('data', LARGE)),
  'misnamed, first': form(file('data', LARGE), PURPOSE),
  'misnamed, after a good one': form(PURPOSE, file('file', LARGE), file('zzz', LARGE)),
  'two files': form(PURPOSE, file('file', LARGE), file('file', LARGE)),
  'over the limit': form(PURPOSE, file('file', TOO_LARGE)),
  'over the limit, misnamed': form(PURPOSE, file('data', TOO_LARGE)),
  'a long field': form(field('purpose', TOO_LARGE), file('file', SMALL)),
  'many fields': form(...Array.from({ length: 60 }, (_, i) => field(`f${i}`, 'x')), PURPOSE),
  'no end': PURPOSE + file('file', LARGE),
  'no boundary': LARGE,
  'a bad part header': `--x\r\n\u0000: ${LARGE}\r\n\r\n`,
  'a wrong purpose': form(field('purpose', 'zzz'), file('file', LARGE)),
  'nothing wrong': form(PURPOSE, file('file', LARGE)),
};
const LINES: Record<string, string> = {
  'a bad first line': `not json\n${LARGE}`,
  'no endpoint': LARGE,
  'over the limit': TOO_LARGE,
  'one line, over the limit': `{"url":"${TOO_LARGE}"}`,
  nothing: '',
};

interface Sending {
  path: string;
  type: string;
  body: string;
}

const sendings: [string, Sending][] = [
  ...Object.entries(FORMS).flatMap(([what, body]): [string, Sending][] => {
    const type = 'multipart/form-data; boundary=x';
    return ['/v1/files', '/v1/uploads/upload_none/parts'].map((path) => [
      `${path}: ${what}`,
      { path, type, body },
    ]);
  }),
  ...Object.entries(LINES).flatMap(([what, body]): [string, Sending][] =>
    ['/v1/batches?completion_window=24h', '/v1/batches?zzz=1'].map((path) => [
      `${path}: ${what}`,
      { path, type: 'application/jsonl', body },
    ]),
  ),
  ['/v1/jobs: over the limit', { path: '/v1/jobs', type: 'application/json', body: TOO_LARGE }],
];

const head = ({ path, type, body }: Sending): string =>
  `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: ${type}\r\n` +
  `content-length: ${Buffer.byteLength(body)}\r\n\r\n`;

/** Sends as much of the body as told, then all is over: the answer's status, or 0. */
function send(sending: Sending, share: number): Promise<number> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)));
    const { body } = sending;
    socket.write(head(sending));
    const part = body.slice(0, Math.floor(body.length * share));
    if (share < 1) socket.write(part, () => socket.destroy());
    else socket.write(part);
  });
}

const assertAlive = async (what: string): Promise<void> => {
  assert.equal(child.exitCode, null, `${what} ended the process: ${errors.slice(-2_000)}`);
  const health = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
  assert.equal(health?.status, 200, `after ${what}: ${errors.slice(-2_000)}`);
};

test('each is answered when it is sent whole', async () => {
  for (const [what, sending] of sendings) {
    const status = await send(sending, 1);
    await assertAlive(what);
    const fine = what === '/v1/files: nothing wrong';
    assert.ok(fine ? status === 200 : status >= 400 && status < 500, `${what}: ${status}`);
  }
});

test('each may be cut off anywhere, many at once', async () => {
  const random = seededRandom(7);
  for (let round = 0; round < 6; round += 1) {
    await Promise.all(sendings.map(([, sending]) => send(sending, random() * 0.999)));
    await assertAlive(`round ${round}`);
  }
});
