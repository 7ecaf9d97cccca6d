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
  const interrupted = (): void => void system.stop().finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await run(system);
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    console.log(`load average at the end  ${load()}, this benchmark's own included`);
    await system.stop();
  }
}

/** Of the last minute, five and fifteen. */
const load = (): string =>
  loadavg()
    .map((each) => each.toFixed(2))
    .join(' ');
