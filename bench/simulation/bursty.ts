/** The bursty conversation trace while one of four deployments is three times slower and another is out for a minute. */
import { simulate } from '@sluice/simulate';
import { installed, scenarioOf, tracePath } from './fleet.ts';
import { atLeast, beside } from '../row.ts';
import type { Row } from '../row.ts';

const STRATEGIES = ['adaptive', 'latency', 'capacity', 'least_busy', 'round_robin'];

const fleet = installed(`
providers: { p: { type: openai, base_url: "http://p/v1", accounting: { output: actual } } }
deployments:
  a: { provider: p, model: m, limits: { tpm: 1000000, concurrency: 24 } }
  b: { provider: p, model: m, limits: { tpm: 1000000, concurrency: 24 }, simulate: { outages: [{ kind: slow, factor: 3 }] } }
  c: { provider: p, model: m, limits: { tpm: 1000000, concurrency: 24 }, simulate: { outages: [{ from: 20m, to: 21m, kind: hang }] } }
  d: { provider: p, model: m, limits: { tpm: 1000000, concurrency: 24 } }
pools: { fast: [a, b, c, d] }
`);

export async function bursty(): Promise<Row[]> {
  const p95 = new Map<string, number>();
  for (const strategy of STRATEGIES) {
    const report = await simulate(await scenarioOf(fleet, [tracePath('conv')], { strategy }));
    p95.set(strategy, report.completion_ms.p95 ?? Infinity);
  }
  const turn = p95.get('round_robin') as number;
  const below = (strategy: string): number => 100 * (1 - (p95.get(strategy) as number) / turn);
  return [
    atLeast('P95 completion below round_robin, adaptive', below('adaptive'), 60, ' %'),
    atLeast('  capacity, the default', below('capacity'), 60, ' %'),
    ...STRATEGIES.map((each) =>
      beside(`  P95 ${each}`, `${Math.round(p95.get(each) as number)} ms`),
    ),
  ];
}
