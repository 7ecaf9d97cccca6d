// The layers of the house, and that this check sees what breaks them.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { LAYERS, violations } from './architecture/layers.ts';

const root = join(import.meta.dirname, '..');

test('imports are declared and point to lower layers only', () => {
  assert.deepEqual(violations(root), []);
});

test('every package that the layers name exists', () => {
  const folders = LAYERS.flat().map((name) =>
    ['packages', 'apps'].map((kind) => join(root, kind, name)),
  );
  assert.deepEqual(
    folders.filter((places) => !places.some((place) => existsSync(place))),
    [],
  );
});

/** A project of `job` (lowest) and `ledger` (above), with these files over it. */
function project(t: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-layers-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const correct = {
    'packages/job/package.json': JSON.stringify({ name: '@sluice/job' }),
    'packages/job/src/job.ts': "import { createHash } from 'node:crypto';\n",
    'packages/job/src/index.ts': "export { job } from './job.ts';\n",
    'packages/ledger/package.json': JSON.stringify({
      name: '@sluice/ledger',
      dependencies: { '@sluice/job': '*', ioredis: '*' },
    }),
    'packages/ledger/src/ledger.ts':
      "import type { Job } from '@sluice/job';\nimport {\n  Redis,\n} from 'ioredis';\n",
  };
  for (const [name, text] of Object.entries({ ...correct, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

test('a correct project has no violation', (t) => {
  assert.deepEqual(violations(project(t, {})), []);
});

const VIOLATIONS: [what: string, files: Record<string, string>, sentence: string][] = [
  [
    'an undeclared package',
    { 'packages/job/src/job.ts': "import {\n  Redis,\n} from 'ioredis';\n" },
    'packages/job/src/job.ts imports ioredis, which packages/job/package.json does not declare',
  ],
  [
    'an undeclared dynamic import',
    { 'packages/job/src/job.ts': "const { Redis } = await import('ioredis/built');\n" },
    'packages/job/src/job.ts imports ioredis, which packages/job/package.json does not declare',
  ],
  [
    'a dependency upwards',
    {
      'packages/job/package.json': JSON.stringify({
        name: '@sluice/job',
        dependencies: { '@sluice/ledger': '*' },
      }),
    },
    'packages/job/package.json depends on @sluice/ledger, which is not in a lower layer',
  ],
  [
    'a dependency sideways',
    {
      'packages/queues/package.json': JSON.stringify({
        name: '@sluice/queues',
        dependencies: { '@sluice/ledger': '*' },
      }),
      'packages/queues/src/open.ts': "export type { Ledger } from '@sluice/ledger';\n",
    },
    'packages/queues/src/open.ts imports @sluice/ledger, which is not in a lower layer',
  ],
  [
    'the own index',
    { 'packages/ledger/src/scripts/move.ts': "import { open } from '../index.ts';\n" },
    "packages/ledger/src/scripts/move.ts imports its own package's ../index.ts",
  ],
  [
    'a path into another package',
    { 'packages/ledger/src/ledger.ts': "import { job } from '../../job/src/job.ts';\n" },
    "packages/ledger/src/ledger.ts imports ../../job/src/job.ts, outside its package's src",
  ],
  [
    'test helpers outside tests',
    {
      'packages/ledger/package.json': JSON.stringify({
        name: '@sluice/ledger',
        dependencies: { '@sluice/job': '*', ioredis: '*' },
        devDependencies: { '@sluice/testing': '*' },
      }),
      'packages/ledger/src/connect.ts': "import { startRedis } from '@sluice/testing';\n",
    },
    'packages/ledger/src/connect.ts imports @sluice/testing, which packages/ledger/package.json does not declare',
  ],
  [
    'a package in no layer',
    { 'packages/utils/package.json': JSON.stringify({ name: '@sluice/utils' }) },
    'packages/utils stands in no layer: add it to tests/architecture/layers.ts',
  ],
];

for (const [what, files, sentence] of VIOLATIONS) {
  test(`${what} is a violation`, (t) => {
    const found = violations(project(t, files));
    assert.ok(found.includes(sentence), found.join('\n') || 'no violation found');
  });
}
