// docker-compose.yml and the Dockerfile say what the documents promise. No engine is needed: the files are read.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '@sluice/config';

interface Service {
  build?: string;
  image?: string;
  command: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
}

const root = join(import.meta.dirname, '..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const { services } = compose;
const roles = Object.entries(services).filter(([name]) => name !== 'redis');

test('the five services are there, all roles from the one Dockerfile', () => {
  const names = Object.keys(services).toSorted();
  assert.deepEqual(names, ['api', 'dispatcher', 'redis', 'simulator', 'worker']);
  for (const [name, { build, command }] of roles) {
    assert.equal(build, '.', name);
    assert.deepEqual(command, ['node', '--import', 'tsx', `apps/${name}/src/main.ts`]);
    assert.ok(existsSync(join(root, `apps/${name}/src/main.ts`)), name);
  }
});

test('nothing is published but the API, and that on this machine only', () => {
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => [name, port]),
  );
  assert.deepEqual(published, [['api', '127.0.0.1:${PORT:-8080}:8080']]);
});

test('a worker has time for the longest call that it may have begun', () => {
  const text = `
providers: { p: { type: openai, api_key: k } }
deployments: { d: { provider: p, model: m } }
pools: { fast: [d] }
`;
  const loaded = loadConfig({ source: { text }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const timeoutMs = loaded.fleet.deployments.get('d')?.timeoutMs as number;
  const grace = /^(\d+)s$/.exec(services['worker']?.stop_grace_period ?? '')?.[1];
  assert.ok(Number(grace) * 1_000 > timeoutMs, `${grace} s for calls of ${timeoutMs} ms`);
});

test('the API listens inside on every address, and only it is allowed to without keys', () => {
  const { HOST, PORT, SLUICE_ALLOW_OPEN } = services['api']?.environment ?? {};
  assert.deepEqual([HOST, PORT, SLUICE_ALLOW_OPEN], ['0.0.0.0', '8080', '1']);
});

test('Redis writes before it answers, evicts nothing and keeps its file on a volume', () => {
  const { command = [], volumes } = services['redis'] ?? {};
  const flags = Object.fromEntries(
    command.flatMap((part, i) => (part.startsWith('--') ? [[part, command[i + 1]]] : [])),
  );
  assert.deepEqual(flags, {
    '--appendonly': 'yes',
    '--appendfsync': 'always',
    '--save': '',
    '--maxmemory-policy': 'noeviction',
  });
  assert.deepEqual(volumes, ['redis:/data']);
});

test('who needs them shares one data volume, one Redis and one config', () => {
  for (const name of ['api', 'dispatcher', 'worker']) {
    const { volumes, environment } = services[name] as Service;
    assert.deepEqual(volumes, ['data:/data'], name);
    assert.equal(environment?.['REDIS_URL'], 'redis://redis:6379', name);
    assert.equal(environment?.['SLUICE_DATA_DIR'], '/data', name);
    assert.equal(environment?.['SLUICE_CONFIG'], '${SLUICE_CONFIG:-demo}', name);
    assert.equal(environment?.['SLUICE_SIMULATOR_URL'], 'http://simulator:9090', name);
  }
  assert.deepEqual(Object.keys(compose.volumes).toSorted(), ['data', 'redis']);
});

test('a service waits for those it needs, and they say when they are healthy', () => {
  for (const [name, { depends_on: needed = {} }] of Object.entries(services)) {
    for (const [other, { condition }] of Object.entries(needed)) {
      assert.equal(condition, 'service_healthy', name);
      assert.ok(
        services[other]?.healthcheck,
        `${other}, which ${name} waits for, has a health check`,
      );
    }
  }
});

test('the image runs as a user without rights, with what it copies in the context and tsx among what it installs', () => {
  const lines = read('Dockerfile').split('\n');
  const [user] = lines.filter((line) => line.startsWith('USER ')).slice(-1);
  assert.equal(user, 'USER node');
  assert.ok(lines.some((line) => line.includes('npm ci --omit=dev')));
  const allowed = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const copied = lines
    .filter((line) => line.startsWith('COPY '))
    .flatMap((line) => line.split(' ').slice(1, -1));
  assert.deepEqual(copied.toSorted(), allowed.toSorted());
  for (const path of copied) assert.ok(existsSync(join(root, path)), path);
  const manifest = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  assert.ok('tsx' in manifest.dependencies);
});
