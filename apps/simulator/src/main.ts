/**
 * The simulator as a process: `PORT` (9090), `HOST` (127.0.0.1), `LOG_LEVEL` and `SIMULATOR_CONFIG`, a JSON file with
 * the fields of options.ts; without it the three providers of the demo. SIGTERM, SIGINT and the end of whoever started it
 * close it.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pino } from 'pino';
import { demoOptions } from './demo-options.ts';
import type { SimulatorOptions } from './options.ts';
import { startSimulator } from './simulator.ts';

const logger = pino({ name: 'simulator', level: process.env['LOG_LEVEL'] ?? 'info' });

async function main(): Promise<void> {
  const { PORT, HOST, SIMULATOR_CONFIG: file } = process.env;
  const fromFile = file === undefined ? demoOptions : readConfig(file);
  if (typeof fromFile === 'string') {
    process.stderr.write(`${fromFile}\n`);
    process.exitCode = 1;
    return;
  }
  const options = { port: 9_090, ...fromFile };
  if (PORT !== undefined) options.port = Number(PORT);
  if (HOST !== undefined) options.host = HOST;
  const simulator = await startSimulator(options);
  const accounts = Object.keys(options.accounts);
  logger.info({ url: simulator.url, config: file ?? 'demo', accounts }, 'simulator listens');
  process.send?.({ type: 'ready' });
  let closing = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) {
    process.on(signal, () => {
      if (closing) return;
      closing = true;
      logger.info({ signal }, 'simulator closes');
      void simulator.close();
      // Whoever listens on the channel is kept alive by it.
      if (process.connected) process.disconnect();
    });
  }
}

/** Or a sentence on why it cannot be read. What its fields say is checked when they are used. */
function readConfig(file: string): SimulatorOptions | string {
  const path = resolve(file);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SimulatorOptions;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      return `SIMULATOR_CONFIG names ${path}, and there is no such file. Name a JSON file as apps/simulator/README.md shows, or leave SIMULATOR_CONFIG out: then it plays the three providers of the demo.`;
    return `SIMULATOR_CONFIG names ${path}, which cannot be read: ${message}. It takes a JSON file as apps/simulator/README.md shows.`;
  }
}

main().catch((error: unknown) => {
  logger.fatal({ reason: (error as Error).message }, 'simulator could not start');
  process.exitCode = 1;
});
