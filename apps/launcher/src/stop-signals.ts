/** Ctrl-C and SIGTERM: the first asks for a drain, the second for an end at once. */

export interface StopSignals {
  /** Resolves at the first signal. */
  asked: Promise<void>;
  /** Aborts at the second. */
  force: AbortSignal;
  /** Whether the first has come. */
  isAsked: () => boolean;
  /** Gives the signals back their usual effect. */
  forget: () => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One Ctrl-C may arrive several times: from the terminal, and passed on by npm and scripts/start.mjs. */
const SAME_KEYPRESS_MS = 400;

export function waitForStop(): StopSignals {
  const first = new AbortController();
  const second = new AbortController();
  let askedAt = -Infinity;
  const onSignal = (): void => {
    const now = performance.now();
    if (!first.signal.aborted) first.abort();
    else if (now - askedAt > SAME_KEYPRESS_MS) second.abort();
    else return;
    askedAt = now;
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    asked: new Promise((resolve) => first.signal.addEventListener('abort', () => resolve())),
    force: second.signal,
    isAsked: () => first.signal.aborted,
    forget: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
