/**
 * Long work in short slices: validating and finalising share a process, and its event loop, with the feeder.
 * Works at most `sliceMs` at a time; when others had something to do in the pause, they get as long again.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';

export interface Pace {
  /** Whether this slice is used up: ask once per small step. */
  due(): boolean;
  /** Lets everybody else have their turn. Rejects with the signal's reason once that is aborted. */
  rest(): Promise<void>;
}

/** A pause that took longer than this had others working in it. */
const BUSY_MS = 1;

export function startPace({
  sliceMs = 5,
  signal,
}: {
  sliceMs?: number;
  signal?: AbortSignal | undefined;
}): Pace {
  let sliceEnds = performance.now() + sliceMs;
  return {
    due: () => performance.now() >= sliceEnds,
    async rest() {
      const before = performance.now();
      await setImmediate();
      if (performance.now() - before > BUSY_MS) await setTimeout(sliceMs);
      signal?.throwIfAborted();
      sliceEnds = performance.now() + sliceMs;
    },
  };
}
