/**
 * A role as a process: how it says that it is up, refuses to start, and ends. Whoever started it hears `{type: 'ready'}`
 * over IPC; a loop that stands still ends the process; SIGHUP makes it read its config anew; SIGTERM, SIGINT and the end of that channel (whoever started it is gone) make it drain and exit with 0.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { endWhenStandingStill } from './stand-still.ts';

export interface Running {
  /** Drains. Called once. */
  stop: () => Promise<unknown>;
  /** It has ended by then, or never will, ms; a minute by default. */
  stopWithinMs?: () => number;
  /** Reads the config anew; says itself what came of it. */
  reload?: () => Promise<unknown>;
  /** Sent with `{type: 'ready'}`. */
  ready?: Record<string, string | number>;
}

/** What to print before the process exits with 1. */
export interface Refused {
  refused: string;
}

/** For what drains for ever: a Redis that never comes back, say, while nobody is left who would end the process. */
const STOP_WITHIN_MS = 60_000;

/** Starts the role and lives until it is told to stop. What `start` throws is the process's end. */
export async function runRole(start: () => Promise<Running | Refused>): Promise<void> {
  const started = await start();
  if ('refused' in started) return endSaying(started.refused);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    const withinMs = started.stopWithinMs?.() ?? STOP_WITHIN_MS;
    setTimeout(() => {
      process.stderr.write(
        `was told to stop and has not drained in ${withinMs / 1_000} s: ends now\n`,
      );
      process.exit(1);
    }, withinMs);
    // A connection that never finished closing must not keep the process.
    void started.stop().then(() => process.exit(0));
  };
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) process.on(event, stop);
  // The usual word to a daemon; without a handler it would end the process.
  const { reload } = started;
  process.on('SIGHUP', () => void (reload && untilDone(reload)));
  endWhenStandingStill();
  process.send?.({ type: 'ready', ...started.ready });
}

/** For what a process must not go on with: nothing is drained. */
export function endSaying(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

const AGAIN_MS = 1_000;

/** Who asks by a signal gets no answer that says to ask again. */
async function untilDone(reload: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await reload();
      return;
    } catch {
      await delay(AGAIN_MS, undefined, { ref: false });
    }
  }
}
