/** 28,185 real requests at once over four deployments of different shapes: how close to the best possible. */
import { simulate } from '@sluice/simulate';
import type { Report } from '@sluice/simulation';
import { fourShapes, scenarioOf, tracePath } from './fleet.ts';
import { atMost, beside } from '../row.ts';
import type { Row } from '../row.ts';

const WEIGHTS = { a: 'weight: 6', b: 'weight: 4', c: 'weight: 6', d: 'weight: 5' };

export async function drain(): Promise<Row[]> {
  const capacity = await drained('capacity');
  const others = [await drained('round_robin'), await drained('weighted')];
  const perThousand = (1_000 * capacity.limited) / capacity.calls;
  return [
    atMost('drain / T*, capacity', capacity.ratio ?? Infinity, 1.06),
    atMost('  429s per 1,000 calls', perThousand, 1),
    ...others.map((report, i) =>
      beside(`drain / T*, ${['round_robin', 'weighted'][i]}`, (report.ratio ?? 0).toFixed(3)),
    ),
  ];
}

async function drained(strategy: string): Promise<Report> {
  const files = [tracePath('code'), tracePath('conv')].map((path) => `${path}:at_once`);
  return simulate(await scenarioOf(fourShapes(WEIGHTS, strategy), files));
}
