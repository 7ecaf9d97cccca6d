/** Waiting for a change of a job or batch: subscribe first, read after, so that nothing is missed between. */
import { isTerminal } from '@sluice/job';
import type { JobStatus } from '@sluice/job';
import type { JobHead, Watch } from '@sluice/ledger';
import type { Api } from './api.ts';

/** Looked at again without any news, should one ever be lost. */
const LOOK_AGAIN_MS = 15_000;

/** The job once it has ended, or as it stands after `waitMs` or when `signal` aborts; null when it is gone. */
export async function waitForJob(
  api: Pick<Api, 'reads' | 'watch'>,
  id: string,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<JobHead | null> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  const timer = setTimeout(abort, waitMs);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    const options = { signal: stop.signal, everyMs: LOOK_AGAIN_MS };
    for await (const { status } of changesOf(api.watch, id, options)) {
      if (status !== null && !isTerminal(status as JobStatus)) continue;
      const job = await api.reads.head(id);
      if (job === null || isTerminal(job.status)) return job;
    }
    return await api.reads.head(id);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

export interface Change {
  /** The newest status heard of; null = not known: read it (at the start, after a lost connection, after `everyMs`). */
  status: string | null;
  quiet: boolean;
}

/**
 * Changes of one object: at once one, then one for each piece of news (news that come faster than they are taken are
 * merged), and one with `quiet` after each `everyMs` without any. Ends when `signal` aborts.
 */
export async function* changesOf(
  watch: Watch,
  id: string,
  { signal, everyMs }: { signal: AbortSignal; everyMs: number },
): AsyncGenerator<Change> {
  let news: Change | null = { status: null, quiet: false };
  let wake: () => void = nothing;
  const off = watch.on(id, (status) => {
    news = { status, quiet: false };
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (news === null) await wakeOrTimeout((resolve) => (wake = resolve), everyMs);
      if (signal.aborted) return;
      const taken: Change = news ?? { status: null, quiet: true };
      news = null;
      yield taken;
    }
  } finally {
    off();
    signal.removeEventListener('abort', onAbort);
  }
}

const nothing = (): void => {};

function wakeOrTimeout(onWake: (resolve: () => void) => void, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    onWake(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
