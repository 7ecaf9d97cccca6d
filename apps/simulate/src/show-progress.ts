/** One line on a terminal that says how far a long run is; nothing where stderr is no terminal. */
import { setImmediate } from 'node:timers/promises';
import type { Progress } from '@sluice/simulation';
import { duration } from './show-report.ts';

const FIRST_AFTER_MS = 1_000;
const EVERY_MS = 200;

export interface ProgressLine {
  show: ((progress: Progress) => Promise<void>) | undefined;
  clear: () => void;
}

export function progressLine(out: NodeJS.WriteStream): ProgressLine {
  if (!out.isTTY) return { show: undefined, clear: () => undefined };
  let next = performance.now() + FIRST_AFTER_MS;
  let shown = false;
  return {
    show: async ({ nowMs, ended, jobs }) => {
      if (performance.now() < next) return;
      next = performance.now() + EVERY_MS;
      shown = true;
      const part = jobs > 0 ? Math.floor((100 * ended) / jobs) : 100;
      out.write(`\r\x1b[2K${part} %: ${ended} of ${jobs} jobs, ${duration(nowMs)} simulated`);
      await setImmediate();
    },
    clear: () => {
      if (shown) out.write('\r\x1b[2K');
    },
  };
}
