/** A backlog of real sizes for one deployment, on each kind of window: are limits used up, and are they kept. */
import { Engine } from '@sluice/simulation';
import type { Run } from '@sluice/simulation';
import { kindsIn } from '../window-kinds.ts';
import { argument, installed, jobOf, realSizes, scenarioOf } from './fleet.ts';
import { atLeast, atMost } from '../row.ts';
import type { Row } from '../row.ts';

const TPM = 1_000_000;

export async function windows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const kind of kindsIn(argument('only'))) {
    const about = installed(`
providers: { p: { type: openai, base_url: "http://p/v1", accounting: { output: actual } } }
deployments: { d: { provider: p, model: m, limits: { tpm: ${TPM} }, simulate: { window: ${kind} } } }
pools: { fast: [d] }
`);
    const sizes = await realSizes();
    const jobs = sizes.map((size) => jobOf({ ...size, batch: 'backlog' }));
    const run = await new Engine({ ...(await scenarioOf(about, [])), jobs }).run();
    const { limited = 0, calls = 0 } = run.calls.get('d') ?? {};
    rows.push(
      atMost(`429s per 1,000 calls, ${kind}`, (1_000 * limited) / calls, 1),
      atLeast('  of the limit used', 100 * usedShare(run), 97, ' %'),
    );
  }
  return rows;
}

/**
 * What was used until the last call began: afterwards there is nothing to use the limit for. (`bench:windows` measures whole
 * minutes of a backlog that goes on.) Input counts when a call begins, output as it is produced.
 */
function usedShare({ tasks }: Run): number {
  const until = Math.max(...tasks.map(({ lastStartAt }) => lastStartAt ?? 0));
  const used = tasks.reduce((sum, { job, lastStartAt, end }) => {
    const began = lastStartAt ?? until;
    const whole = (end?.at ?? until) - began;
    const part = whole > 0 ? Math.min(1, (until - began) / whole) : 1;
    return sum + job.inputTokens + job.outputTokens * part;
  }, 0);
  return used / ((TPM * until) / 60_000);
}
