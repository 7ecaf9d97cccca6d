/** What stands behind `npm run -s simulate --`. */
import { parseArgs } from 'node:util';
import { STRATEGY_NAMES } from '@sluice/balancing';
import { InputMistake, mistake, shown } from './mistake.ts';
import { parseWorkload } from './workload.ts';
import type { Workload } from './workload.ts';

export const USAGE = `npm run -s simulate -- --config C --workload W [--workload W2 …] [--at-once] [--seed N] [--strategy S]
                        [--chars-per-token N] [--json]

  --config C     a config file; without it, as for \`npm start\`: SLUICE_CONFIG, sluice.yaml, else the demo
  --workload W   a CSV trace (TIMESTAMP,ContextTokens,GeneratedTokens) or a JSONL batch file, then perhaps \`:key=value,…\`
                 with priority, tenant, pool, at_once, scale, start, limit, max_tokens, deadline
  --at-once      all requests at the start, each file as one batch
  --seed N       another run of the same kind; the same seed gives the same run (1)
  --strategy S   instead of the pools' own: ${STRATEGY_NAMES.join(', ')}
  --chars-per-token N
                 what a provider makes of a JSONL line's text (4)
  --json         the figures as JSON

docs/simulation.md explains them.`;

export interface Arguments {
  config: string | null;
  workloads: Workload[];
  seed: number;
  strategy: string | null;
  /** null = not said. */
  charsPerToken: number | null;
  json: boolean;
}

const OPTIONS = {
  config: { type: 'string' },
  workload: { type: 'string', multiple: true },
  'at-once': { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' },
  strategy: { type: 'string' },
  'chars-per-token': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** `help` when that is asked for. Throws InputMistake naming the argument. */
export function readArguments(argv: readonly string[]): Arguments | 'help' {
  const values = parsed(argv);
  if (values.help) return 'help';
  const workloads = values.workload ?? [];
  if (workloads.length === 0)
    throw mistake('--workload', 'nothing', 'a CSV trace or a JSONL batch file');
  return {
    config: values.config ?? null,
    workloads: workloads.map((text) => parseWorkload(text, values['at-once'])),
    seed: seedIn(values.seed),
    strategy: strategyIn(values.strategy),
    charsPerToken: charsPerTokenIn(values['chars-per-token']),
    json: values.json,
  };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    throw new InputMistake(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function seedIn(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed <= 0xffff_ffff) return seed;
  throw mistake('--seed', shown(text), 'a whole number from 0 to 4294967295');
}

function charsPerTokenIn(text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (text.trim() !== '' && value >= 0.1 && value <= 100) return value;
  throw mistake('--chars-per-token', shown(text), 'a number from 0.1 to 100');
}

function strategyIn(name: string | undefined): string | null {
  if (name === undefined || STRATEGY_NAMES.includes(name)) return name ?? null;
  throw mistake('--strategy', shown(name), STRATEGY_NAMES.join(', '));
}
