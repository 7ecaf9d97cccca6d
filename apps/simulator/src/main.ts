/**
 * The simulator as a process: `PORT` (9090), `HOST` (127.0.0.1), `LOG_LEVEL` and `SIMULATOR_CONFIG`, a JSON file with
 * the fields of options.ts; without it the three providers of the demo. SIGTERM, SIGINT and the end of whoever started it
 * close it.
 */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { demoOptions } from './demo-options.ts';
import type { SimulatorOptions } from './options.ts';
import { startSimulator } from './simulator.ts';

const logger = pino({ name: 'simulator', level: process.env['LOG_LEVEL'] ?? 'info' });

async function main(): Promise<void> {
  const { PORT, HOST, SIMULATOR_CONFIG: file } = process.env;
  const fromFile = file === undefined ? demoOptions : readConfig(file);
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

function readConfig(file: string): SimulatorOptions {
  return JSON.parse(readFileSync(file, 'utf8')) as SimulatorOptions;
}

main().catch((error: unknown) => {
  logger.fatal({ reason: (error as Error).message }, 'simulator could not start');
  process.exitCode = 1;
});
