/**
 * `npm run bench:simulation [-- drain windows interactive bursty cost seed=N only=KIND,… data=PATH]`: what the policies must show
 * in simulation, measured beside what is wanted; `only`: of the windows, `data`: where the traces are (../shared/data). Ends with 1 when something does not hold.
 */
import { bursty } from './bursty.ts';
import { cost } from './cost.ts';
import { drain } from './drain.ts';
import { interactive } from './interactive.ts';
import { printRows } from '../row.ts';
import type { Row } from '../row.ts';
import { windows } from './windows.ts';

const BENCHES: Record<string, () => Promise<Row[]>> = { drain, windows, interactive, bursty, cost };

const asked = process.argv.slice(2).filter((text) => text in BENCHES);
for (const [name, bench] of Object.entries(BENCHES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const started = performance.now();
  const rows = await bench();
  console.log(`${name} (${((performance.now() - started) / 1_000).toFixed(1)} s)`);
  printRows(rows);
}
