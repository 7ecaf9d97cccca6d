// What `npm run audit` finds wrong with a lock file and makes of the registry's report: scripts/setup/audit-lock.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const { findingsIn, judgeReport } = (await import(
  new URL('../scripts/setup/audit-lock.mjs', import.meta.url).href
)) as {
  findingsIn: (lock: { packages: object }) => string[];
  judgeReport: (text: string) => { findings: string[]; unknown: string | null };
};

const GOOD = { version: '1.0.0', license: 'MIT', integrity: 'sha512-x' };
const found = (one: object, name = 'a'): string[] =>
  findingsIn({
    packages: { '': {}, 'apps/api': {}, [`node_modules/${name}`]: { ...GOOD, ...one } },
  });

test('our own lock file has nothing wrong', () => {
  const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');
  assert.deepEqual(findingsIn(JSON.parse(text) as { packages: object }), []);
});

test('what is wrong with a package is named', () => {
  assert.deepEqual(found({}), []);
  assert.match(found({ integrity: undefined })[0] ?? '', /node_modules\/a has no integrity hash/);
  assert.match(
    found({ resolved: 'https://registry.example/a.tgz' })[0] ?? '',
    /names the registry/,
  );
  assert.match(found({ hasInstallScript: true })[0] ?? '', /runs a script/);
  assert.deepEqual(found({ hasInstallScript: true }, 'esbuild'), []);
  assert.match(found({ license: 'AGPL-3.0' })[0] ?? '', /licensed AGPL-3\.0/);
  assert.deepEqual(found({ license: '(MIT OR GPL-3.0)' }), []);
});

const reportOf = (severity: string): string =>
  JSON.stringify({ vulnerabilities: { a: { name: 'a', severity, range: '<2' } } });

test('the registry’s report is judged, and its silence is no acquittal', () => {
  assert.match(judgeReport(reportOf('high')).findings[0] ?? '', /^a <2 has a vulnerability/);
  assert.deepEqual(judgeReport(reportOf('low')), { findings: [], unknown: null });
  assert.match(judgeReport('').unknown ?? '', /no answer/);
  assert.match(judgeReport('{"error":{}}').unknown ?? '', /does not answer/);
});
