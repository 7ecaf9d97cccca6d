/** What stands behind `npm run -s doctor --`. */
import { parseArgs } from 'node:util';

export const USAGE = `npm run -s doctor -- [--no-calls] [--json] [--timeout-ms N]: what is wrong with an installation, and what to do about it

  --no-calls       calls no provider; otherwise one call of about ten tokens to every deployment
  --json           for programs
  --timeout-ms N   of a call, at most (20000)

It exits with 1 when something is wrong.`;

export interface Arguments {
  calls: boolean;
  json: boolean;
  timeoutMs: number;
}

const OPTIONS = {
  'no-calls': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  'timeout-ms': { type: 'string', default: '20000' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** `help` when that is asked for; a mistake in words. */
export function readArguments(argv: readonly string[]): Arguments | 'help' | { mistake: string } {
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false });
    if (values.help) return 'help';
    const timeoutMs = Number(values['timeout-ms']);
    if (!(timeoutMs >= 1))
      return { mistake: `--timeout-ms: found ${values['timeout-ms']}; allowed: ms, at least 1` };
    return { calls: !values['no-calls'], json: values.json, timeoutMs };
  } catch (error) {
    return { mistake: (error as Error).message };
  }
}
