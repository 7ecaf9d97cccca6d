/**
 * A whole Sluice for system tests and benchmarks: a Redis of its own, the simulator and every role as real processes on
 * free ports, a temporary data folder. Nothing is left behind by `stop()`. `SLUICE_TEST_REDIS_URL` names another Redis.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goneWithUs } from './gone-with-us.ts';
import { rowsAt } from './rows.ts';
import { freePort, startRedis } from './with-redis.ts';
import type { TestRedis } from './with-redis.ts';

export type RoleName = 'api' | 'dispatcher' | 'worker' | 'simulator';

export interface SystemOptions {
  /** The config file's text; `{{simulator}}` stands for the simulator's address. */
  config: string;
  /** Options of the simulator (apps/simulator). */
  simulator: object;
  /** How many processes of each role. Default: one of each. */
  roles?: Partial<Record<RoleName, number>>;
  env?: Record<string, string>;
  /** Redis in memory only: benchmarks that say so. Default false: `appendfsync always`, as in production. */
  volatile?: boolean;
}

/** Patience with a start and with an end, ms: far more than either takes on a crowded machine, a call under way included. */
const READY_WITHIN_MS = 120_000;
const ENDED_WITHIN_MS = 120_000;

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export class System {
  readonly redis: TestRedis;
  readonly folder: string;
  readonly apiUrl: string;
  readonly simulatorUrl: string;
  readonly #env: Record<string, string>;
  readonly #running = new Map<string, ChildProcess>();
  #counter = 0;

  private constructor(facts: {
    redis: TestRedis;
    folder: string;
    ports: { api: number; simulator: number };
    env: Record<string, string>;
  }) {
    this.redis = facts.redis;
    this.folder = facts.folder;
    this.apiUrl = `http://127.0.0.1:${facts.ports.api}`;
    this.simulatorUrl = `http://127.0.0.1:${facts.ports.simulator}`;
    this.#env = facts.env;
  }

  static async start(options: SystemOptions): Promise<System> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-system-'));
    const redis = await startRedis({ persistent: options.volatile !== true });
    const ports = { api: await freePort(), simulator: await freePort() };
    writeFileSync(join(folder, 'simulator.json'), JSON.stringify(options.simulator));
    const simulator = `http://127.0.0.1:${ports.simulator}`;
    writeFileSync(
      join(folder, 'sluice.yaml'),
      options.config.replaceAll('{{simulator}}', simulator),
    );
    const env = {
      REDIS_URL: process.env['SLUICE_TEST_REDIS_URL'] ?? redis.url,
      SLUICE_CONFIG: join(folder, 'sluice.yaml'),
      SLUICE_DATA_DIR: folder,
      SIMULATOR_CONFIG: join(folder, 'simulator.json'),
      LOG_LEVEL: 'warn',
      HOST: '127.0.0.1',
      PORT: String(ports.api),
      ...options.env,
    };
    const system = new System({ redis, folder, ports, env });
    const roles = { simulator: 1, api: 1, dispatcher: 1, worker: 1, ...options.roles };
    try {
      await Promise.all(
        Object.entries(roles).flatMap(([role, count]) =>
          Array.from({ length: count }, () => system.launch(role as RoleName)),
        ),
      );
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  /** Starts one more process of a role; resolves with its name when it is ready. `args` go behind its program. */
  launch(
    role: RoleName,
    args: readonly string[] = [],
    more: Record<string, string> = {},
  ): Promise<string> {
    this.#counter++;
    const name = `${role}-${this.#counter}`;
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    const port =
      role === 'simulator' ? new URL(this.simulatorUrl).port : (this.#env['PORT'] as string);
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', `apps/${role}/src/main.ts`, ...args],
      {
        cwd: ROOT,
        stdio: ['ignore', log, log, 'ipc'],
        env: { ...process.env, ...this.#env, PORT: port, ...more },
      },
    );
    closeSync(log);
    this.#running.set(name, goneWithUs(child));
    return this.#ready(name, child);
  }

  /** One that is neither ready nor gone in time is ended: nobody waits for it for ever. */
  #ready(name: string, child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`${name} was not ready in ${READY_WITHIN_MS} ms: ${this.logOf(name)}`));
        child.kill('SIGKILL');
      }, READY_WITHIN_MS);
      child.once('message', () => {
        clearTimeout(late);
        resolve(name);
      });
      child.once('exit', (code) => {
        clearTimeout(late);
        reject(new Error(`${name} ended with ${code}: ${this.logOf(name)}`));
      });
    });
  }

  /** Names of the running processes of a role. */
  names(role: RoleName): string[] {
    return [...this.#running.keys()].filter((name) => name.startsWith(`${role}-`));
  }

  pid(name: string): number {
    return this.#running.get(name)?.pid as number;
  }

  /** Ends a process; `SIGKILL` gives it no chance to drain. Throws where it had to be killed: a role must end when told to. */
  async end(name: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#running.get(name);
    this.#running.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    let late = false;
    const patience = setTimeout(() => {
      late = child.kill('SIGKILL');
    }, ENDED_WITHIN_MS);
    child.kill(signal);
    // One that stands still would not hear of it.
    child.kill('SIGCONT');
    await exit;
    clearTimeout(patience);
    if (late) throw new Error(`${name} did not end in ${ENDED_WITHIN_MS} ms: ${this.logOf(name)}`);
  }

  /** The process itself: for those who stop, wake or tell it something. */
  childOf(name: string): ChildProcess {
    return this.#running.get(name) as ChildProcess;
  }

  logOf(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8').slice(-4_000);
  }

  /** The simulator's own count (GET /_sim/stats). */
  async simulated<Stats>(): Promise<Stats> {
    const response = await fetch(`${this.simulatorUrl}/_sim/stats`);
    return (await response.json()) as Stats;
  }

  /** Each call as the simulator itself has it (GET /_sim/ledger): it must be started with `ledger: true`. */
  simulatedCalls<Call>(): Promise<Call[]> {
    return rowsAt<Call>(`${this.simulatorUrl}/_sim/ledger`);
  }

  /** Changes an account of the simulator while it runs: faults, limits, latency. */
  async simulate(account: string, patch: object): Promise<void> {
    const response = await fetch(`${this.simulatorUrl}/_sim/accounts/${account}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(patch),
    });
    if (!response.ok) throw new Error(`simulator: ${response.status} ${await response.text()}`);
  }

  async stop(): Promise<void> {
    const simulators = this.names('simulator');
    const others = [...this.#running.keys()].filter((name) => !simulators.includes(name));
    const ended = await Promise.allSettled(others.map((name) => this.end(name)));
    ended.push(...(await Promise.allSettled(simulators.map((name) => this.end(name)))));
    await this.redis.stop();
    rmSync(this.folder, { recursive: true, force: true });
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }
}
