// `npm run audit`: what the packages we depend on bring along. From the lock file: integrity, install scripts, licences,
// addresses; and known vulnerabilities from the registry, where it answers such questions.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { root } from './setup/environment.mjs';
import { findingsIn, judgeReport } from './setup/audit-lock.mjs';

const PATIENCE_MS = 20_000;

const lock = JSON.parse(readFileSync(new URL('package-lock.json', `file://${root}/`), 'utf8'));
const findings = findingsIn(lock);
const advisories = judgeReport(await askRegistry());
for (const finding of [...findings, ...advisories.findings]) console.log(`✗ ${finding}`);
if (advisories.unknown) console.log(`– vulnerabilities: ${advisories.unknown}`);
const count = findings.length + advisories.findings.length;
if (count === 0) console.log(`✓ ${Object.keys(lock.packages).length} packages`);
process.exitCode = count === 0 ? 0 : 1;

/** What `npm audit` says of the packages that run in production, as text. */
function askRegistry() {
  return new Promise((resolve) => {
    const child = spawn('npm', ['audit', '--omit=dev', '--json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PATIENCE_MS,
    });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.on('error', () => resolve(''));
    child.on('close', () => resolve(text));
  });
}
