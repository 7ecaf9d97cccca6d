/** The calls of a run as the providers' own ledger has them. */
import type { Arena } from './arena.ts';
import type { Called } from './book.ts';

/** One line of JSON each. */
export const linesOf = (calls: readonly Called[]): string =>
  calls.map((call) => `${JSON.stringify(call)}\n`).join('');

interface Entry {
  account: string;
  caller: string | null;
  at_ms: number;
  ended_ms: number | null;
  end: string | null;
  metadata: { tag?: string } | null;
}

export async function callsOf({ system, simulatorEpoch }: Arena): Promise<Called[]> {
  const calls = await system.simulatedCalls<Entry>();
  return calls.map((call) => {
    const { account, caller, at_ms: at, ended_ms: ended, end, metadata } = call;
    const endedAt = ended === null ? null : simulatorEpoch + ended;
    const pid = Number(/pid (\d+)/u.exec(caller ?? '')?.[1] ?? Number.NaN);
    const tag = metadata?.tag ?? null;
    const by = Number.isNaN(pid) ? null : pid;
    return { account, pid: by, tag, at: simulatorEpoch + at, endedAt, end };
  });
}
