/** What a simulation takes for granted where nobody can know, with the figures in force and where each is from. */
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import type { Deployment } from '@sluice/job';
import { USUAL_MAX_TOKENS, USUAL_SIMULATE } from '@sluice/config';
import type { Job, Scenario } from '@sluice/simulation';
import { batchName, isBatchFile } from './build-scenario.ts';
import type { Installed } from './build-scenario.ts';
import { membersIn } from './read-batch.ts';
import type { Workload } from './workload.ts';

type From = 'argument' | 'config' | 'default' | 'file';

/** In the words of `--json`. */
export interface Assumptions {
  chars_per_token: { value: number; from: From };
  /** Of answers to the lines of batch files, by pool; `file`: a trace says it itself. */
  output_tokens: { pool: string; mean: number | null; spread: number | null; from: From }[];
  /** By deployment that requests without a maximum may go to: the one booked for these; `sent`: put into them, so that no answer is longer. */
  max_tokens: Record<string, { value: number; from: From; sent: boolean }>;
  /** By deployment: how long a call takes, `jitter` of it more or less. */
  latency: Record<
    string,
    {
      base_ms: number;
      per_input_token: number;
      per_output_token: number;
      jitter: number;
      from: From;
    }
  >;
  /** What Sluice itself needs to accept, queue and record. */
  own_ms: { value: 0; from: From };
}

export function assumptionsOf(
  installed: Installed,
  scenario: Scenario,
  { workloads, charsPerToken }: { workloads: readonly Workload[]; charsPerToken: number | null },
): Assumptions {
  const { fleet, simulated } = installed;
  const usedBy = (jobs: readonly Job[]): Deployment[] => {
    const pools = new Set(jobs.map(({ pool }) => pool));
    return [...new Set([...pools].flatMap((pool) => membersIn(fleet, pool)))];
  };
  const used = usedBy(scenario.jobs);
  const unset = usedBy(scenario.jobs.filter(({ maxOutput }) => maxOutput === null));
  return {
    chars_per_token: {
      value: charsPerToken ?? USUAL_CHARS_PER_TOKEN,
      from: charsPerToken === null ? 'default' : 'argument',
    },
    output_tokens: lengthsOf(installed, scenario.jobs, workloads),
    max_tokens: Object.fromEntries(
      unset.map(({ id, defaultMaxTokens: value, outputCap }) => [
        id,
        {
          value,
          from: outputCap === null && value === USUAL_MAX_TOKENS ? 'default' : 'config',
          sent: outputCap !== null,
        } as const,
      ]),
    ),
    latency: Object.fromEntries(
      used.map(({ id }) => {
        const { latency } = simulated.get(id) ?? USUAL_SIMULATE;
        return [id, { ...latency, from: fromOf(latency, USUAL_SIMULATE.latency) }];
      }),
    ),
    own_ms: { value: 0, from: 'default' },
  };
}

const fromOf = <T extends object>(said: T, usual: T): 'config' | 'default' =>
  Object.entries(usual).every(([key, value]) => said[key as keyof T] === value)
    ? 'default'
    : 'config';

/** Answers are as long as the first deployment of the pool makes them. */
function lengthsOf(
  { fleet, simulated }: Installed,
  jobs: readonly Job[],
  workloads: readonly Workload[],
): Assumptions['output_tokens'] {
  const drawn = new Set(
    workloads.flatMap((workload, place) =>
      isBatchFile(workload) ? batchName(workload, { place }) : [],
    ),
  );
  const pools = new Map<string, Set<boolean>>();
  for (const { batch, pool } of jobs) {
    const known = pools.get(pool) ?? new Set();
    pools.set(pool, known.add(batch !== null && drawn.has(batch)));
  }
  return [...pools].flatMap(([pool, kinds]) =>
    [...kinds].map((isDrawn) => {
      if (!isDrawn) return { pool, mean: null, spread: null, from: 'file' as const };
      const [first] = membersIn(fleet, pool);
      const { output_tokens: lengths } = simulated.get(first?.id ?? '') ?? USUAL_SIMULATE;
      return { pool, ...lengths, from: fromOf(lengths, USUAL_SIMULATE.output_tokens) };
    }),
  );
}

/** For a terminal: what is alike is said once. */
export function showAssumptions(assumed: Assumptions): string {
  const { chars_per_token: chars, output_tokens: lengths, max_tokens: maxima, latency } = assumed;
  const answers = lengths.map(({ pool, mean, spread, from }) =>
    from === 'file'
      ? ([`answers as long as the trace says`, pool] as const)
      : ([`answers of ${mean} tokens in the mean, spread ${spread} (${from})`, pool] as const),
  );
  const booked = Object.entries(maxima).map(
    ([id, { value, from, sent }]) =>
      [
        sent
          ? `where a request sets no maximum: ${value} tokens put in and booked (${from})`
          : `where a request sets no maximum: booked with ${value} tokens at first (${from})`,
        id,
      ] as const,
  );
  const calls = Object.entries(latency).map(([id, each]) => [latencyText(each), id] as const);
  return [
    'assumed:',
    `  ${chars.value} characters a token (${chars.from})`,
    ...[answers, booked, calls].flatMap(together),
    '  Sluice itself takes no time to accept, queue and record',
  ].join('\n');
}

const latencyText = ({
  base_ms: base,
  per_input_token: input,
  per_output_token: output,
  jitter,
  from,
}: Assumptions['latency'][string]): string =>
  `a call of ${base} ms, and ${input} ms a token read, ${output} ms a token written, ± ${Math.round(jitter * 100)} % (${from})`;

function together(lines: readonly (readonly [text: string, of: string])[]): string[] {
  const names = new Map<string, string[]>();
  for (const [text, of] of lines) names.set(text, [...(names.get(text) ?? []), of]);
  return [...names].map(([text, of]) => `  ${of.join(', ')}: ${text}`);
}
