/**
 * `npm run bench:windows`: is a limit used up and kept, whatever window the provider counts it in? Six deployments, six
 * kinds of window, one system, a backlog of real sizes; limits known. `--minutes N` to measure (2), `--only KIND,…`
 * of the windows (`bucket-1s` alone: 7,000 calls in 10 minutes). Counted by the providers: 429s from the first call on,
 * use over whole minutes after the start.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { until } from '@sluice/testing';
import type { System } from '@sluice/testing';
import { read } from '../provider-count.ts';
import type { Reading } from '../provider-count.ts';
import { atLeast, atMost, printRows } from '../row.ts';
import type { Row } from '../row.ts';
import { kindsIn } from '../window-kinds.ts';
import { withSystem } from '../with-system.ts';
import { configOf, measureMinutes, post, simulatorOptions, usedIn } from './scenario.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    only: { type: 'string' },
    data: { type: 'string' },
    ledger: { type: 'string' },
  },
});
const MINUTES = Number(values.minutes);
const KINDS = kindsIn(values.only);
/** From the first call until it is measured: what calls cost is learnt meanwhile. */
const START_MS = 15_000;
/** What the backlog is longer by: up to the first whole minute, and more. */
const SPARE_MINUTES = 2;

const rows = await withSystem({ config: configOf(1), simulator: simulatorOptions(true) }, measure);
console.log(`429s and use of ${KINDS.length} kinds of window, ${MINUTES} minutes`);
printRows(rows);

async function measure(system: System): Promise<Row[]> {
  const beginning = await read(system);
  await post(system, {
    minutes: MINUTES + SPARE_MINUTES,
    kinds: KINDS,
    ...(values.data && { folder: values.data }),
  });
  await until('a call of each', async () =>
    callsOf(await read(system)).every((calls) => calls > 0),
  );
  const span = await measureMinutes(system, { minutes: MINUTES, afterMs: START_MS });
  if (values.ledger)
    writeFileSync(values.ledger, await (await fetch(`${system.simulatorUrl}/_sim/ledger`)).text());
  return KINDS.flatMap((kind) => {
    const { calls, limited } = usedIn([beginning, span[1]], kind);
    return [
      atMost(`429s per 1,000 calls, ${kind} (${calls} calls)`, (1_000 * limited) / calls, 1),
      atLeast('  of the limit used', usedIn(span, kind).used, 97, ' %'),
    ];
  });
}

function callsOf({ accounts }: Reading): number[] {
  return KINDS.map((kind) => accounts[kind]?.calls ?? 0);
}
