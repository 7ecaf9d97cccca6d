/**
 * The Redis that `npm start` runs when none is given: on loopback with a password of its own, every write on disk
 * before it is answered, nothing ever evicted. Its folder belongs to this user alone.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { writePrivate } from './data-folder.ts';
import { freePort } from './ports.ts';

export interface OwnRedisOptions {
  /** The server program. */
  binary: string;
  folder: string;
  /** File descriptor for its log, or `inherit`. */
  log: number | 'inherit';
  /** Tells the user. */
  announce: (sentence: string) => void;
}

const ASK_AGAIN_MS = 20;
/** Before it is started again after an end that nobody asked for. */
const PAUSE_MS = 500;

export class OwnRedis {
  readonly url: string;
  readonly #options: OwnRedisOptions;
  #child: ChildProcess;
  #restart: NodeJS.Timeout | null = null;
  #stopping = false;

  private constructor(url: string, options: OwnRedisOptions) {
    this.url = url;
    this.#options = options;
    this.#child = this.#spawn();
  }

  /** Resolves when it answers, its file loaded; from then on it is kept running. Throws when it ends instead. */
  static async start(options: OwnRedisOptions): Promise<OwnRedis> {
    const { folder } = options;
    await endLeftover(folder);
    const port = await freePort();
    const password = randomBytes(24).toString('hex');
    writePrivate(join(folder, 'redis.conf'), configText({ port, password, folder }));
    const redis = new OwnRedis(`redis://:${password}@127.0.0.1:${port}`, options);
    await redis.#answers();
    writePrivate(join(folder, 'url'), `${redis.url}\n`);
    redis.#keep();
    return redis;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** SIGTERM makes it write what is pending and end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#restart) clearTimeout(this.#restart);
    rmSync(join(this.#options.folder, 'url'), { force: true });
    await ended(this.#child);
  }

  #spawn(): ChildProcess {
    const { binary, folder, log } = this.#options;
    // A process group of its own: Ctrl-C at the terminal must not end it before those who write to it.
    return spawn(binary, [join(folder, 'redis.conf')], {
      stdio: ['ignore', log, log],
      detached: true,
    });
  }

  /** Every write it acknowledged is in its file: started again it goes on where it was. */
  #keep(): void {
    const child = this.#child;
    child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      this.#options.announce(`Redis ended (${signal ?? `code ${code}`}); it starts again.`);
      this.#restart = setTimeout(() => {
        this.#child = this.#spawn();
        this.#keep();
      }, PAUSE_MS);
    });
    child.once('error', (error) => this.#options.announce(`Redis: ${error.message}`));
  }

  async #answers(): Promise<void> {
    let failure: Error | undefined;
    this.#child.once('error', (error) => (failure = error));
    this.#child.once('exit', (code) => (failure ??= new Error(`it ended with code ${code}`)));
    while (!(await ping(this.url))) {
      if (failure) throw new Error(`Redis did not start: ${failure.message}`);
      await delay(ASK_AGAIN_MS);
    }
  }
}

const configText = (at: { port: number; password: string; folder: string }): string =>
  [
    'bind 127.0.0.1',
    `port ${at.port}`,
    `requirepass ${at.password}`,
    `dir ${JSON.stringify(at.folder)}`,
    'appendonly yes',
    'appendfsync always',
    'save ""',
    'maxmemory-policy noeviction',
    'daemonize no',
    '',
  ].join('\n');

/** Whether it answers; false also while it loads its file. */
async function ping(url: string): Promise<boolean> {
  const redis = connect(url);
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

function connect(url: string): Redis {
  const options = { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 };
  const redis = new Redis(url, { ...options, enableReadyCheck: false });
  redis.on('error', () => {});
  return redis;
}

/** A launcher that was killed leaves its Redis behind, and that one holds the append-only file. */
async function endLeftover(folder: string): Promise<void> {
  const file = join(folder, 'url');
  if (!existsSync(file)) return;
  const url = readFileSync(file, 'utf8').trim();
  const redis = connect(url);
  try {
    await redis.connect();
    await redis.shutdown();
  } catch {
    // It is gone already, or goes while it answers.
  } finally {
    redis.disconnect();
  }
  while (await ping(url)) await delay(ASK_AGAIN_MS);
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
