/**
 * `npm run bench:wrong-limit`: the limits are configured 20 % too high and no header says otherwise, so that only 429s teach
 * them. Six deployments, six kinds of window, one system, a backlog of real sizes. `--minutes N` in all (15): a third
 * to learn in, the rest is measured, by the providers' count.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { until } from '@sluice/testing';
import type { System } from '@sluice/testing';
import { read } from '../provider-count.ts';
import type { Reading } from '../provider-count.ts';
import { atLeast, atMost, beside, printRows } from '../row.ts';
import type { Row } from '../row.ts';
import { withSystem } from '../with-system.ts';
import { KINDS, configOf, measureMinutes, post, simulatorOptions, usedIn } from './scenario.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '15' },
    data: { type: 'string' },
    ledger: { type: 'string' },
  },
});
const MINUTES = Number(values.minutes);
const LEARNING_MINUTES = MINUTES / 3;
const FACTOR = 1.2;

const rows = await withSystem(
  { config: configOf(FACTOR), simulator: simulatorOptions(false) },
  measure,
);
console.log(`limits ${FACTOR} times what they are, after ${LEARNING_MINUTES} minutes`);
printRows(rows);

async function measured(system: System): Promise<readonly [Reading, Reading]> {
  await until(
    'a call of each',
    async () => Object.values((await read(system)).accounts).every(({ calls }) => calls > 0),
    { timeoutMs: 120_000 },
  );
  return measureMinutes(system, {
    minutes: Math.round(MINUTES - LEARNING_MINUTES),
    // Up to the next whole minute after that: what is learnt in is never longer than promised.
    afterMs: (LEARNING_MINUTES - 1) * 60_000,
  });
}

async function measure(system: System): Promise<Row[]> {
  const beginning = await read(system);
  const backlog = { minutes: MINUTES + 2, ...(values.data && { folder: values.data }) };
  const [span] = await Promise.all([measured(system), post(system, backlog)]);
  if (values.ledger)
    writeFileSync(values.ledger, await (await fetch(`${system.simulatorUrl}/_sim/ledger`)).text());
  return KINDS.flatMap((kind) => {
    const { calls, limited, used } = usedIn(span, kind);
    const learning = usedIn([beginning, span[0]], kind);
    return [
      atLeast(`of the limit used, ${kind}`, used, 90, ' %'),
      atMost(`  429s of ${calls} calls`, (100 * limited) / calls, 2, ' %'),
      beside('  429s before', `${learning.limited} of ${learning.calls}`),
    ];
  });
}
