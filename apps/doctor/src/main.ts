/**
 * `npm run -s doctor`: what is wrong with an installation, and what to do about it. `--no-calls` calls no provider,
 * `--json` is for programs, `--timeout-ms` bounds a call. Exits with 1 when something is wrong.
 */
import { parseArgs } from 'node:util';
import { examine } from './examine.ts';
import { report } from './finding.ts';

const { values } = parseArgs({
  options: {
    'no-calls': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    'timeout-ms': { type: 'string', default: '20000' },
  },
});
const calls = !values['no-calls'];
if (calls && !values.json)
  process.stderr.write(
    'One call of about ten tokens to every deployment; --no-calls leaves that out.\n',
  );
const findings = await examine({
  env: process.env,
  folder: process.cwd(),
  calls,
  timeoutMs: Math.max(1, Number(values['timeout-ms']) || 20_000),
});
const healthy = findings.every(({ level }) => level !== 'error');
process.stdout.write(
  `${values.json ? JSON.stringify({ ok: healthy, findings }) : report(findings)}\n`,
);
process.exitCode = healthy ? 0 : 1;
