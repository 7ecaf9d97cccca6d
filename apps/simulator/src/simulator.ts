/** A simulator that listens: what tests and the demo start. */
import type { AddressInfo } from 'node:net';
import { createProviderServer } from './provider-server.ts';
import type { LedgerEntry } from './ledger.ts';
import type { SimulatorOptions } from './options.ts';
import { Simulation } from './simulation.ts';
import type { SimulatorStats } from './stats.ts';

/** Room for a fleet of workers that all connect at once. */
const BACKLOG = 4_096;

export interface Simulator {
  /** `http://127.0.0.1:9090`: base URL of the Anthropic format; OpenAI's is this with `/v1`. */
  url: string;
  port: number;
  stats: () => SimulatorStats;
  /** Every call so far; empty without the option `ledger`. */
  ledger: () => readonly LedgerEntry[];
  /** As freshly started with the present settings. */
  reset: () => void;
  /** Merge patch of an account (`a`), of a model (`a/gpt-x`) or of a group, in force at once. Throws what is wrong with it. */
  update: (accountOrDeploymentId: string, patch: object) => void;
  /** Stops listening and closes every connection, also those of calls that hang. */
  close: () => Promise<void>;
}

const now = (): number => performance.now();

/** Starts the simulated providers. Rejects wrong options, with every mistake, and a port that is taken. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const simulation = new Simulation(options, now(), performance.timeOrigin);
  const { host, port: wanted } = simulation.fleet.options;
  const server = createProviderServer({ simulation, now });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: wanted, backlog: BACKLOG }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    stats: () => simulation.stats(now()),
    ledger: () => simulation.ledger(),
    reset: () => simulation.reset(now()),
    update: (id, patch) => {
      const updated = simulation.update(id, patch, now());
      if (!updated.ok) throw new Error(updated.mistakes.join('; '));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
