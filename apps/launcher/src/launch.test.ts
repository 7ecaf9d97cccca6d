import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { loadInstallation } from '@sluice/config';
import { startRedis, until } from '@sluice/testing';
import { Redis } from 'ioredis';
import { readNote, refuseFolder, runningIn, writePrivate } from './data-folder.ts';
import { launch } from './launch.ts';
import type { LaunchResult } from './launch.ts';
import { freePort } from './ports.ts';
import { isRunning, markOf } from './process-start.ts';
import type { ProcessMark } from './process-start.ts';
import type { StopSignals } from './stop-signals.ts';

const STAND_IN = join(import.meta.dirname, '__fixtures__', 'stand-in.mjs');

interface ReadyNote {
  pid: number;
  SLUICE_CONFIG?: string;
  SLUICE_SIMULATOR_URL?: string;
  REDIS_URL?: string;
  PORT?: string;
}

/** An installation in a folder of its own whose roles are stand-ins. */
class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-launch-'));
  readonly said: string[] = [];
  readonly force = new AbortController();
  #launched: Extract<LaunchResult, { kind: 'launched' }> | null = null;

  constructor(t: TestContext) {
    t.after(async () => {
      this.force.abort();
      await this.stop();
      rmSync(this.folder, { recursive: true });
    });
  }

  async launch(variables: Record<string, string> = {}, terminal = true): Promise<LaunchResult> {
    const env = {
      PATH: process.env['PATH'],
      SLUICE_REDIS_SERVER: process.env['SLUICE_TEST_REDIS_SERVER'],
      PORT: String(await freePort()),
      ...variables,
    };
    const installation = loadInstallation(env, this.folder);
    assert.ok(installation.kind === 'ok');
    const { folder } = this;
    const stop: StopSignals = {
      asked: new Promise(() => {}),
      force: this.force.signal,
      isAsked: () => false,
      forget: () => {},
    };
    const result = await launch(installation, {
      folder,
      env,
      stop,
      terminal,
      say: (text) => this.said.push(text),
      programOf: (role) => [STAND_IN, role, folder],
    });
    if (result.kind === 'launched') this.#launched = result;
    return result;
  }

  async stop(): Promise<void> {
    await this.#launched?.stop();
    this.#launched = null;
  }

  mark(name: string): void {
    writeFileSync(join(this.folder, name), '');
  }

  get notes(): string[] {
    const file = join(this.folder, 'notes');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }

  /** What the last start of a role noted about itself. */
  readyNote(role: string): ReadyNote {
    const line = this.notes.findLast((note) => note.startsWith(`${role} ready `)) as string;
    return JSON.parse(line.slice(`${role} ready `.length)) as ReadyNote;
  }

  get redisUrl(): string {
    return readFileSync(join(this.folder, '.sluice/demo/redis/url'), 'utf8').trim();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

test('what the config may not mean is told once: on the screen, or in the log that goes to the same place', async (t) => {
  const config = `
providers: { p: { type: openai, api_key: k, base_url: "http://127.0.0.1:9" } }
deployments: { a: { provider: p, model: m } }
pools: { fast: [a] }
tenants: { t: { api_keys: [short] } }
admin: { api_keys: [a-key-that-is-long-enough] }
`;
  for (const terminal of [true, false]) {
    const place = new Place(t);
    writeFileSync(join(place.folder, 'sluice.yaml'), config);
    const result = await place.launch({}, terminal);
    assert.ok(result.kind === 'launched', JSON.stringify(result));
    assert.equal(result.screen.split('can be guessed').length - 1, terminal ? 1 : 0);
  }
});

test('the demo starts everything with what it needs to know, and stops it all again', async (t) => {
  const place = new Place(t);
  const result = await place.launch();
  assert.ok(result.kind === 'launched');
  assert.match(result.screen, /^Sluice · demo: 3 simulated providers/);
  const [api, simulator] = [place.readyNote('api'), place.readyNote('simulator')];
  assert.equal(api.SLUICE_CONFIG, 'demo');
  assert.equal(api.REDIS_URL, place.redisUrl);
  assert.equal(api.SLUICE_SIMULATOR_URL, `http://127.0.0.1:${simulator.PORT}`);
  assert.equal(
    runningIn(join(place.folder, '.sluice/demo')),
    null,
    'this process is not another one',
  );

  const pids = ['simulator', 'api', 'dispatcher', 'worker'].map(
    (role) => place.readyNote(role).pid,
  );
  const { redisUrl } = place;
  await place.stop();
  assert.deepEqual(pids.filter(isAlive), []);
  await assert.rejects(withRedisOnce(redisUrl));
  const ends = place.notes.filter((note) => note.endsWith('SIGTERM'));
  assert.equal(ends.length, 4);
  assert.equal(ends.at(-1), 'simulator SIGTERM', 'who answers calls ends after who makes them');
  assert.deepEqual(place.said, []);
});

/** One try, no second. */
async function withRedisOnce(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {});
  await redis.connect();
}

test('on a terminal the log of every process is a file of the data folder', async (t) => {
  const place = new Place(t);
  await place.launch();
  const logOf = (name: string): string =>
    readFileSync(join(place.folder, '.sluice/demo/logs', `${name}.log`), 'utf8');
  for (const role of ['simulator', 'api', 'dispatcher', 'worker'])
    assert.equal(logOf(role), `${role} is up\n`);
  assert.match(logOf('redis'), /Ready to accept connections/);
  const { pid } = place.readyNote('worker');
  process.kill(pid, 'SIGKILL');
  await until('the worker is back', () => place.said.includes('worker is back.'));
  assert.equal(logOf('worker'), 'worker is up\n'.repeat(2), 'started again it goes on in its file');
});

/** Another process, for as long as the test runs. `stubborn`: SIGTERM does not end it. */
async function bystander(t: TestContext, stubborn = false): Promise<ProcessMark> {
  const program = `${stubborn ? "process.on('SIGTERM', () => {});" : ''} setInterval(() => {}, 1e6); console.log('up')`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return markOf(child.pid as number) as ProcessMark;
}

/** What a launcher left: it runs if `launcher` does. */
function leaveNote(
  place: Place,
  launcher: ProcessMark,
  children: Record<string, ProcessMark> = {},
): void {
  const data = join(place.folder, '.sluice/demo');
  mkdirSync(data, { recursive: true });
  const note = { ...launcher, api: 'http://127.0.0.1:1', simulator: null, ready: true, children };
  writePrivate(join(data, 'launched.json'), JSON.stringify(note));
}

test('a second one in the same folder is refused, and told what to do', async (t) => {
  const place = new Place(t);
  const other = await bystander(t);
  leaveNote(place, other);
  const result = await place.launch({ PORT: '4000' });
  assert.ok(result.kind === 'refused');
  assert.match(
    result.reason,
    new RegExp(
      `^Sluice runs already from .*\\.sluice/demo: http://127.0.0.1:1 \\(process ${other.pid}\\)\\. To end that one: Ctrl-C where it runs, or kill ${other.pid}\\. For a second one: SLUICE_DATA_DIR=.sluice-2 PORT=4001 npm start$`,
    ),
  );
  assert.equal(isRunning(other), true);
});

test('a killed one whose process id somebody else has by now does not count', async (t) => {
  const place = new Place(t);
  const stranger = await bystander(t);
  const child = await bystander(t);
  const before = { ...stranger, started: 'long ago' };
  leaveNote(place, before, { worker: { ...child, started: 'long ago' } });
  assert.equal((await place.launch()).kind, 'launched');
  assert.deepEqual([stranger, child].map(isRunning), [true, true], 'strangers are left alone');
  assert.deepEqual(place.said, []);
});

test('what a killed one left running is ended before its Redis is taken over', async (t) => {
  const place = new Place(t);
  const [api, worker] = [await bystander(t), await bystander(t, true)];
  leaveNote(place, { pid: api.pid, started: 'long ago' }, { api, worker });
  const launched = place.launch();
  await until('the api has drained', () => !isRunning(api));
  assert.equal(isRunning(worker), true, 'a drain gets its time');
  assert.equal(
    existsSync(join(place.folder, '.sluice/demo/redis')),
    false,
    'until then nothing starts',
  );
  place.force.abort();
  assert.equal((await launched).kind, 'launched');
  assert.equal(isRunning(worker), false);
  assert.equal(place.said.length, 1);
  assert.match(
    place.said[0] as string,
    new RegExp(`was killed.*api \\(process ${api.pid}\\), worker \\(process ${worker.pid}\\)`),
  );
});

test('of two that start at once one gets the folder', async (t) => {
  const place = new Place(t);
  leaveNote(place, { pid: 1, started: 'long ago' });
  const second = join(import.meta.dirname, '__fixtures__', 'claim.mjs');
  const claims = Array.from({ length: 4 }, () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', second, join(place.folder, '.sluice/demo')],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    t.after(() => child.kill('SIGKILL'));
    return child;
  });
  await Promise.all(claims.map(({ stdout }) => once(stdout, 'data')));
  const results = Promise.all(claims.map(({ stdout }) => once(stdout, 'data')));
  for (const { stdin } of claims) stdin.write('go');
  const said = (await results).map(([text]) => String(text as Buffer).trim());
  assert.deepEqual(said.toSorted(), ['claimed', 'refused', 'refused', 'refused']);
  const winner = claims[said.indexOf('claimed')]?.pid;
  assert.equal(readNote(join(place.folder, '.sluice/demo'))?.pid, winner);
});

test('the note names every process, also one that was started again', async (t) => {
  const place = new Place(t);
  await place.launch();
  const data = join(place.folder, '.sluice/demo');
  const note = readNote(data);
  assert.deepEqual(Object.keys(note?.children ?? {}).toSorted(), [
    'api',
    'dispatcher',
    'redis',
    'simulator',
    'worker',
  ]);
  assert.equal(note?.ready, true);
  process.kill(place.readyNote('worker').pid, 'SIGKILL');
  await until('the worker is back', () => place.said.includes('worker is back.'));
  assert.equal(readNote(data)?.children['worker']?.pid, place.readyNote('worker').pid);
  await place.stop();
  assert.equal(readNote(data), null);
});

test('its own Redis writes to disk before it answers, evicts nothing, is closed to others, and keeps its data', async (t) => {
  const place = new Place(t);
  await place.launch();
  await withRedis(place.redisUrl, async (redis) => {
    const settings = await Promise.all(
      ['appendonly', 'appendfsync', 'maxmemory-policy', 'bind'].map((name) =>
        redis.config('GET', name),
      ),
    );
    assert.deepEqual(
      settings.map((pair) => pair[1]),
      ['yes', 'always', 'noeviction', '127.0.0.1'],
    );
    await redis.set('kept', 'yes');
  });
  assert.equal(statSync(join(place.folder, '.sluice/demo/redis')).mode & 0o077, 0);
  await assert.rejects(
    withRedis(place.redisUrl.replace(/:[0-9a-f]+@/, ''), (redis) => redis.get('kept')),
    /NOAUTH/,
  );
  await place.stop();
  await place.launch();
  assert.equal(await withRedis(place.redisUrl, (redis) => redis.get('kept')), 'yes');
});

test('a Redis that was killed comes back with its data', async (t) => {
  const place = new Place(t);
  await place.launch();
  await withRedis(place.redisUrl, async (redis) => {
    redis.on('error', () => {});
    await redis.set('kept', 'yes');
    const pid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
    process.kill(pid, 'SIGKILL');
    await until('Redis is back', () =>
      redis.get('kept').then(
        (value) => value === 'yes',
        () => false,
      ),
    );
  });
  assert.deepEqual(place.said, ['Redis ended (SIGKILL); it starts again.']);
});

test('a role that dies is announced and started again', async (t) => {
  const place = new Place(t);
  await place.launch();
  const { pid } = place.readyNote('worker');
  process.kill(pid, 'SIGKILL');
  await until('the worker is back', () => place.said.includes('worker is back.'));
  assert.deepEqual(place.said, [
    'worker ended (SIGKILL); it starts again in 0.5 s.',
    'worker is back.',
  ]);
  assert.notEqual(place.readyNote('worker').pid, pid);
});

test('a role that cannot start takes everything back and shows the end of its log', async (t) => {
  const place = new Place(t);
  place.mark('fail-worker');
  const result = await place.launch();
  assert.ok(result.kind === 'refused');
  assert.match(
    result.reason,
    /^worker ended at its start \(code 3\)\nit does not want to\n\(.*worker\.log\)$/,
  );
  assert.equal(isAlive(place.readyNote('simulator').pid), false);
  assert.equal(existsSync(join(place.folder, '.sluice/demo/redis/url')), false);
});

test('a role that will not end is killed when the user insists', async (t) => {
  const place = new Place(t);
  place.mark('stubborn-worker');
  await place.launch();
  const { pid } = place.readyNote('worker');
  const stopping = place.stop();
  await until('the worker was asked', () => place.notes.includes('worker SIGTERM'));
  assert.equal(isAlive(pid), true);
  place.force.abort();
  await stopping;
  assert.equal(isAlive(pid), false);
});

test('a port that is taken is said before anything starts', async (t) => {
  const place = new Place(t);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  assert.deepEqual(await place.launch({ PORT: String(port) }), {
    kind: 'refused',
    reason: `Port ${port} is taken. Try another: PORT=${port + 1} npm start`,
  });
  assert.equal(existsSync(join(place.folder, '.sluice')), false);
});

test('a data folder that cannot be used is named with what was found and what to do', async (t) => {
  const place = new Place(t);
  const file = join(place.folder, 'file');
  writeFileSync(file, '');
  const logs = join(place.folder, 'with-log');
  mkdirSync(logs);
  writeFileSync(join(logs, 'logs'), '');
  const cases = [
    [file, file],
    [join(file, 'below'), join(file, 'below')],
    [logs, join(logs, 'logs')],
  ] as const;
  for (const [path, at] of cases) {
    const result = await place.launch({ SLUICE_DATA_DIR: path });
    assert.ok(result.kind === 'refused');
    assert.ok(result.reason.startsWith(`The data folder ${path} cannot be used: a file lies`));
    assert.ok(path === at || result.reason.includes(at), result.reason);
    assert.match(result.reason, /\. Mend that, or name another folder: SLUICE_DATA_DIR=/);
  }
});

const refusedFor = (code: string): string =>
  refuseFolder('/data', Object.assign(new Error(code), { code, path: '/data/redis' }));

test('what the system says of a folder is told in words, our own mistakes are not', () => {
  assert.match(
    refusedFor('EROFS'),
    /^The data folder \/data .* mounted read-only \(EROFS at \/data\/redis\)/,
  );
  assert.match(refusedFor('EACCES'), /this user may not use it \(EACCES/);
  assert.match(refusedFor('ENOSPC'), /its disk is full \(ENOSPC/);
  assert.match(refusedFor('EMFILE'), /cannot be used: EMFILE\./);
  assert.throws(() => refuseFolder('/data', new TypeError('x')), TypeError);
});

test('an address that others reach is refused without keys', async (t) => {
  const place = new Place(t);
  const result = await place.launch({ HOST: '0.0.0.0' });
  assert.ok(result.kind === 'refused');
  assert.match(result.reason, /^HOST=0\.0\.0\.0 would let anyone/);
});

test('a Redis that evicts is refused, one that does not is used', async (t) => {
  const place = new Place(t);
  const given = await startRedis();
  t.after(() => given.stop());
  await withRedis(given.url, (redis) => redis.config('SET', 'maxmemory-policy', 'allkeys-lru'));
  const refused = await place.launch({ REDIS_URL: given.url });
  assert.ok(refused.kind === 'refused');
  assert.match(refused.reason, /maxmemory-policy allkeys-lru .* allowed: noeviction/);
  await withRedis(given.url, (redis) => redis.config('SET', 'maxmemory-policy', 'noeviction'));
  assert.equal((await place.launch({ REDIS_URL: given.url })).kind, 'launched');
  assert.equal(place.readyNote('api').REDIS_URL, given.url);
});

test('a Redis that does not answer is named without its password', async (t) => {
  const place = new Place(t);
  const port = await freePort();
  const result = await place.launch({ REDIS_URL: `redis://:hunter2@127.0.0.1:${port}/3` });
  assert.ok(result.kind === 'refused');
  assert.match(result.reason, new RegExp(`^No Redis answers at redis://127.0.0.1:${port}/3: `));
  assert.doesNotMatch(result.reason, /hunter2/);
});
