// Every config that the documents print must load: an example that does not work is worse than none.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEMO_CONFIG, describeConfig, formatMistakes, loadConfig } from '@sluice/config';

const root = join(import.meta.dirname, '..');

/** Variables whose values have a form. */
const SPECIAL: [ending: string, value: string][] = [
  ['_URL', 'http://127.0.0.1:1'],
  ['_SECRET', `whsec_${Buffer.alloc(24).toString('base64')}`],
];

/** A value for every variable that an example names. */
const env = new Proxy<Record<string, string>>(
  {},
  {
    get: (_, name) =>
      SPECIAL.find(([ending]) => String(name).endsWith(ending))?.[1] ??
      `a-value-for-${String(name)}`,
  },
);

function load(text: string): string {
  const result = loadConfig({
    source: { text },
    env,
    readFile: () => 'a-secret',
  });
  return result.kind === 'ok' ? '' : formatMistakes(result.mistakes, 'the example');
}

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'apps/simulator/README.md',
  ...markdownUnder('docs'),
];

function markdownUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

/** Fenced YAML blocks that are configs: they say what can be called. */
function configsIn(text: string): string[] {
  return [...text.matchAll(/^```ya?ml\n(.*?)^```/gms)]
    .map(([, block]) => block as string)
    .filter((block) => /^deployments:/m.test(block));
}

test('sluice.example.yaml loads', () => {
  assert.equal(load(readFileSync(join(root, 'sluice.example.yaml'), 'utf8')), '');
});

test('the demo loads', () => {
  assert.equal(load(DEMO_CONFIG), '');
});

for (const document of documents.filter((name) => existsSync(join(root, name)))) {
  configsIn(readFileSync(join(root, document), 'utf8')).forEach((block, i) => {
    test(`config ${i + 1} of ${document} loads`, () => assert.equal(load(block), ''));
  });
}

test('a block that is wrong would be found', () => {
  const [block = ''] = configsIn('```yaml\nproviders: {}\ndeployments: {}\n```\n');
  assert.match(load(block), /providers: found a section with nothing/);
});

test('docs/configuration.md says what the schema says', () => {
  assert.equal(
    readFileSync(join(root, 'docs/configuration.md'), 'utf8'),
    describeConfig(),
    'run `npm run docs`',
  );
});
