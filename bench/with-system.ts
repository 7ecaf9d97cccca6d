/** A whole system while a benchmark runs: stopped however the benchmark ends, by an error and by Ctrl-C too. */
import { loadavg } from 'node:os';
import { System } from '@sluice/testing';
import type { SystemOptions } from '@sluice/testing';

export async function withSystem<T>(
  options: SystemOptions,
  run: (system: System) => Promise<T>,
): Promise<T> {
  console.log(`load average before  ${load()}`);
  const system = await System.start(options);
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => (stopping ??= system.stop());
  // A terminal's Ctrl-C may come twice.
  const interrupted = (): void => void stop().finally(() => process.exit(130));
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  try {
    return await run(system);
  } finally {
    console.log(`load average at the end  ${load()}, this benchmark's own included`);
    await stop();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

/** Of the last minute, five and fifteen. */
const load = (): string =>
  loadavg()
    .map((each) => each.toFixed(2))
    .join(' ');
