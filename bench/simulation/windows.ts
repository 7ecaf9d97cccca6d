/** A backlog of real sizes for one deployment, on each kind of window: are limits used up, and are they kept. */
import { simulate } from '@sluice/simulate';
import { kindsIn } from '../window-kinds.ts';
import { argument, installed, jobOf, realSizes, scenarioOf } from './fleet.ts';
import { atLeast, atMost } from '../row.ts';
import type { Row } from '../row.ts';

export async function windows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const kind of kindsIn(argument('only'))) {
    const about = installed(`
providers: { p: { type: openai, base_url: "http://p/v1", accounting: { output: actual } } }
deployments: { d: { provider: p, model: m, limits: { tpm: 1000000 }, simulate: { window: ${kind} } } }
pools: { fast: [d] }
`);
    const sizes = await realSizes();
    const jobs = sizes.map((size) => jobOf({ ...size, batch: 'backlog' }));
    const { limited, calls, utilisation } = await simulate({
      ...(await scenarioOf(about, [])),
      jobs,
    });
    rows.push(
      atMost(`429s per 1,000 calls, ${kind}`, (1_000 * limited) / calls, 1),
      atLeast('  of the limit used', (utilisation['d']?.tpm ?? 0) * 100, 97, ' %'),
    );
  }
  return rows;
}
