/**
 * What a test or a run started goes when it goes, however it ends: by an error, by Ctrl-C, by a limit of time. Processes that
 * stand still go too. Only where the run itself is ended by SIGKILL nothing can be done.
 */
import type { ChildProcess } from 'node:child_process';

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const running = new Set<ChildProcess>();
let watching = false;

/** Ends it with SIGKILL at our own exit, if it still runs then. Returns it. */
export function goneWithUs<Child extends ChildProcess>(child: Child): Child {
  watch();
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

function watch(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      // Whoever listens too ends it in its own way.
      if (process.listenerCount(signal) === 1) process.exit(code);
    });
  }
}
