/** The demo's course: submit, watch, break one provider on the way, tell what happened. */
import { setTimeout as delay } from 'node:timers/promises';
import { getJson, patchJson, postJson, uploadBatchFile } from './client.ts';
import { progressLine, summary } from './lines.ts';
import type { Batch } from './lines.ts';
import { promptLines } from './prompts.ts';

const PROMPTS = 1_000;
const POOL = 'fast';
/** The provider that fails, and for how long. */
const FAILING = 'sim-b';
const FAILING_MS = 10_000;
const ASK_EVERY_MS = 250;
/** Without a terminal to rewrite, a line this often. */
const SAY_EVERY_MS = 5_000;

interface Terminal {
  say: (line: string) => void;
  /** Null where lines cannot be shown in place of each other. */
  rewrite: ((line: string) => void) | null;
}

interface SimulatorStats {
  accounts: Record<string, { limited: number; failed: Record<string, number> }>;
}

interface Where {
  api: string;
  simulator: string;
}

/** Null when all went well, else what did not. */
export async function runDemo(where: Where, terminal: Terminal): Promise<string | null> {
  try {
    return await play(where, terminal);
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    return `The demo ended: ${why}. Is \`npm start\` still running?`;
  }
}

async function play(where: Where, terminal: Terminal): Promise<string | null> {
  const before = await readStats(where);
  const started = performance.now();
  const fileId = await uploadBatchFile(where.api, promptLines(PROMPTS, POOL));
  const batch = await postJson<Batch>(`${where.api}/v1/batches`, {
    input_file_id: fileId,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  terminal.say(`${PROMPTS} prompts as ${batch.id} to the pool \`${POOL}\`.`);
  const ended = await watch(batch.id, { where, terminal, before });
  const tookMs = performance.now() - started;
  const after = await readStats(where);
  terminal.say(
    summary({
      batch: ended,
      tookMs,
      limited: newly(before, after, limitedOf),
      failed: newly(before, after, failedOf),
      api: where.api,
    }),
  );
  const { completed, total } = ended.request_counts;
  return ended.status === 'completed' && completed === total
    ? null
    : `The batch ended as ${ended.status} with ${completed} of ${total} answers.`;
}

const OPEN = new Set(['validating', 'in_progress', 'finalizing', 'cancelling']);

async function watch(
  id: string,
  { where, terminal, before }: { where: Where; terminal: Terminal; before: SimulatorStats },
): Promise<Batch> {
  let broken = false;
  let nextSay = 0;
  for (;;) {
    const batch = await getJson<Batch>(`${where.api}/v1/batches/${id}`);
    const stats = await readStats(where);
    const now = Date.now();
    const line = progressLine({ batch, limited: newly(before, stats, limitedOf), now });
    if (terminal.rewrite) terminal.rewrite(line);
    else if (now >= nextSay) {
      terminal.say(line);
      nextSay = now + SAY_EVERY_MS;
    }
    if (!OPEN.has(batch.status)) {
      terminal.rewrite?.('');
      return batch;
    }
    if (!broken && batch.request_counts.completed >= PROMPTS / 3) {
      broken = true;
      await breakProvider(where, terminal);
    }
    await delay(ASK_EVERY_MS);
  }
}

async function breakProvider({ simulator }: Where, { say, rewrite }: Terminal): Promise<void> {
  const faults = [{ kind: 'error', for_ms: FAILING_MS }];
  await patchJson(`${simulator}/_sim/accounts/${FAILING}`, { faults });
  rewrite?.('');
  say(`${FAILING} answers 500 to everything for ${FAILING_MS / 1000} seconds.`);
}

const readStats = ({ simulator }: Where): Promise<SimulatorStats> =>
  getJson<SimulatorStats>(`${simulator}/_sim/stats`);

type Account = SimulatorStats['accounts'][string];

const limitedOf = ({ limited }: Account): number => limited;
const failedOf = ({ failed }: Account): number =>
  Object.values(failed).reduce((sum, count) => sum + count, 0);

/** A count over all providers since `before`, as the providers themselves kept it. */
const newly = (
  before: SimulatorStats,
  after: SimulatorStats,
  of: (account: Account) => number,
): number => total(after, of) - total(before, of);

const total = ({ accounts }: SimulatorStats, of: (account: Account) => number): number =>
  Object.values(accounts).reduce((sum, account) => sum + of(account), 0);
