/** Lines of a batch that are being called. */
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';

/** Keys of one command: a script has no more values at a time. */
const AT_ONCE = 1_000;

/** Of the chunks of one batch; of those that are gone none. */
export async function runningLines(ledger: Ledger, chunks: readonly string[]): Promise<number> {
  const names = chunks.map((id) => ledger.keys.chunk(id));
  const asked: Promise<unknown>[] = [];
  for (let from = 0; from < names.length; from += AT_ONCE)
    asked.push(run(ledger, 'running-lines', names.slice(from, from + AT_ONCE), []));
  const counts = (await Promise.all(asked)) as number[];
  return counts.reduce((sum, count) => sum + count, 0);
}
