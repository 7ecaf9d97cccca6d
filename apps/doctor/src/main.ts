/**
 * `npm run -s doctor`: what is wrong with an installation, and what to do about it; its arguments in arguments.ts. Exits with 1
 * when something is wrong, with 2 when an argument is.
 */
import { readArguments, USAGE } from './arguments.ts';
import type { Arguments } from './arguments.ts';
import { examine } from './examine.ts';
import { report } from './finding.ts';

async function diagnose({ calls, json, timeoutMs }: Arguments): Promise<void> {
  if (calls && !json)
    process.stderr.write(
      'One call of about ten tokens to every deployment; --no-calls leaves that out.\n',
    );
  const findings = await examine({ env: process.env, folder: process.cwd(), calls, timeoutMs });
  const healthy = findings.every(({ level }) => level !== 'error');
  process.stdout.write(`${json ? JSON.stringify({ ok: healthy, findings }) : report(findings)}\n`);
  process.exitCode = healthy ? 0 : 1;
}

const args = readArguments(process.argv.slice(2));
if (args === 'help') {
  process.stdout.write(`${USAGE}\n`);
} else if ('mistake' in args) {
  process.stderr.write(`${args.mistake}\n\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  await diagnose(args);
}
