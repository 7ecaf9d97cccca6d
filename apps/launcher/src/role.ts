/**
 * One role as a child process. It says `{type: 'ready'}` over IPC when it is up, drains on SIGTERM, and is started
 * again with growing pauses when it ends unasked.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

export interface RoleOptions {
  name: string;
  /** Arguments of node: `--import tsx apps/api/src/main.ts`. */
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** File descriptor for its log, or `inherit`. */
  log: number | 'inherit';
  /** Tells the user. */
  announce: (sentence: string) => void;
  /** Hears of the process at each start. */
  started: (pid: number) => void;
}

/** How long it may take to be ready, ms. */
const READY_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Whoever lived this long starts again with the first pause. */
const HEALTHY_MS = 60_000;

export class Role {
  readonly name: string;
  readonly #options: RoleOptions;
  #child: ChildProcess | null = null;
  #restart: NodeJS.Timeout | null = null;
  #pauseMs = FIRST_PAUSE_MS;
  #stopping = false;

  constructor(options: RoleOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the role is ready; throws when it ends before, or takes too long. From then on it is kept running. */
  async start(): Promise<void> {
    const child = this.#spawn();
    await ready(child, this.name);
    this.#keep(child);
  }

  /** Asks it to drain; kills it when `limit` aborts. Resolves when it has ended. */
  async stop(limit: AbortSignal): Promise<void> {
    this.#stopping = true;
    if (this.#restart) clearTimeout(this.#restart);
    const child = this.#child;
    if (!child || hasEnded(child)) return;
    const kill = (): boolean => child.kill('SIGKILL');
    const end = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    limit.addEventListener('abort', kill, { once: true });
    if (limit.aborted) kill();
    await end;
    limit.removeEventListener('abort', kill);
  }

  #spawn(): ChildProcess {
    const { args, cwd, env, log } = this.#options;
    // A process group of its own: Ctrl-C at the terminal reaches it only through stop(), in the right order.
    const stdio = ['ignore', log, log, 'ipc'] as const;
    const child = spawn(process.execPath, args, { cwd, env, stdio: [...stdio], detached: true });
    this.#child = child;
    if (child.pid !== undefined) this.#options.started(child.pid);
    return child;
  }

  #keep(child: ChildProcess): void {
    const startedAt = Date.now();
    const onEnd = (how: string): void => {
      if (this.#stopping) return;
      if (Date.now() - startedAt > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS;
      this.#options.announce(
        `${this.name} ended (${how}); it starts again in ${this.#pauseMs / 1000} s.`,
      );
      this.#restart = setTimeout(() => this.#again(), this.#pauseMs);
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    };
    if (hasEnded(child)) onEnd(howEnded(child));
    else child.once('exit', () => onEnd(howEnded(child)));
  }

  #again(): void {
    const child = this.#spawn();
    child.on('message', (message) => {
      if (isReady(message)) this.#options.announce(`${this.name} is back.`);
    });
    child.once('error', (error) => this.#options.announce(`${this.name}: ${error.message}`));
    this.#keep(child);
  }
}

const isReady = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null;

const howEnded = (child: ChildProcess): string => child.signalCode ?? `code ${child.exitCode}`;

function ready(child: ChildProcess, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit).off('error', settle);
      if (error) reject(error);
      else resolve();
    };
    const onMessage = (message: unknown): void => {
      if (isReady(message)) settle();
    };
    const onExit = (): void => settle(new Error(`${name} ended at its start (${howEnded(child)})`));
    const late = (): void => settle(new Error(`${name} was not ready within ${READY_MS / 1000} s`));
    const timer = setTimeout(late, READY_MS);
    child.on('message', onMessage).once('exit', onExit).once('error', settle);
  });
}
