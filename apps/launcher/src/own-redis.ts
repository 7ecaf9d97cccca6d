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
import { haveEnded, tell } from './leftovers.ts';
import { freePort } from './ports.ts';
import { isRunning } from './process-start.ts';
import type { ProcessMark } from './process-start.ts';

export interface OwnRedisOptions {
  /** The server program. */
  binary: string;
  folder: string;
  /** File descriptor for its log, or `inherit`. */
  log: number | 'inherit';
  /** Tells the user. */
  announce: (sentence: string) => void;
  /** Hears of the process at each start. */
  started: (pid: number) => void;
  /** The one that a launcher before started here, if it was killed. */
  before: ProcessMark | null;
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
    const { folder, before } = options;
    await endLeftover(folder, before);
    const logFile = logFileOf(options);
    const port = await freePort();
    const password = randomBytes(24).toString('hex');
    writePrivate(join(folder, 'redis.conf'), configText({ port, password, folder, logFile }));
    const url = `redis://:${password}@127.0.0.1:${port}`;
    // Before it runs: whoever starts after this launcher was killed must find it.
    writePrivate(join(folder, 'url'), `${url}\n`);
    const redis = new OwnRedis(url, options);
    await redis.#answers().catch((error: unknown) => {
      rmSync(join(folder, 'url'), { force: true });
      throw error;
    });
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
    const { binary, folder, log, started } = this.#options;
    // A process group of its own: Ctrl-C at the terminal must not end it before those who write to it.
    const child = spawn(binary, [join(folder, 'redis.conf')], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    if (child.pid !== undefined) started(child.pid);
    return child;
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

  #whereToLook(): string {
    const file = logFileOf(this.#options);
    return file === null ? '' : `; see ${file}`;
  }

  async #answers(): Promise<void> {
    let failure: Error | undefined;
    this.#child.once('error', (error) => (failure = error));
    this.#child.once('exit', (code) => (failure ??= new Error(`it ended with code ${code}`)));
    while (!(await ping(this.url))) {
      if (failure) throw new Error(`Redis did not start: ${failure.message}${this.#whereToLook()}`);
      await delay(ASK_AGAIN_MS);
    }
  }
}

/** Where nobody asked for a file, its log goes into its folder: its banner and notices are for those who look into it. */
const logFileOf = ({ log, folder }: OwnRedisOptions): string | null =>
  log === 'inherit' ? join(folder, 'redis.log') : null;

interface Config {
  port: number;
  password: string;
  folder: string;
  logFile: string | null;
}

const configText = (at: Config): string =>
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
    'loglevel notice',
    ...(at.logFile === null ? [] : [`logfile ${JSON.stringify(at.logFile)}`]),
    '',
  ].join('\n');

/** `silent`: something holds the port and says nothing. */
type Presence = 'answers' | 'loading' | 'silent' | 'gone';

/** Whether the Redis of this URL is there. Another one, or none at all, is `gone`. */
async function presence(url: string): Promise<Presence> {
  const redis = connect(url);
  const reasons: string[] = [];
  redis.on('error', ({ message }) => reasons.push(message));
  try {
    await redis.connect();
    await redis.ping();
    return 'answers';
  } catch (error) {
    reasons.push((error as Error).message);
    if (reasons.some((reason) => reason.startsWith('LOADING'))) return 'loading';
    return reasons.some((reason) => /timed out|ETIMEDOUT/.test(reason)) ? 'silent' : 'gone';
  } finally {
    redis.disconnect();
  }
}

const ping = async (url: string): Promise<boolean> => (await presence(url)) === 'answers';

/** It is on this machine: whoever takes longer hangs. */
const ANSWER_MS = 1_000;

function connect(url: string): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
  });
  redis.on('error', () => {});
  return redis;
}

/** Writing what is pending takes it moments; a killed one has written all that it acknowledged. */
const SHUTDOWN_MS = 5_000;

/** A launcher that was killed leaves its Redis behind, and that one holds the append-only file. */
async function endLeftover(folder: string, before: ProcessMark | null): Promise<void> {
  const file = join(folder, 'url');
  const url = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (url !== '' && ['answers', 'loading'].includes(await presence(url))) await shutDown(url);
  if (before !== null && isRunning(before)) {
    tell(before, 'SIGTERM');
    await haveEnded([before], AbortSignal.timeout(SHUTDOWN_MS));
    tell(before, 'SIGKILL');
    await haveEnded([before], AbortSignal.timeout(SHUTDOWN_MS));
  }
  if (url === '' || (await presence(url)) === 'gone') return;
  const { port } = new URL(url);
  throw new Error(
    `The Redis of an earlier start still listens on port ${port} and does not end. End it and start again: find it with lsof -i :${port}. If that is something else, delete ${file}`,
  );
}

async function shutDown(url: string): Promise<void> {
  const redis = connect(url);
  try {
    await redis.connect();
    await redis.shutdown();
  } catch {
    // It goes while it answers, or hangs: what is left of it shows afterwards.
  } finally {
    redis.disconnect();
  }
  const late = AbortSignal.timeout(SHUTDOWN_MS);
  while (!late.aborted && ['answers', 'loading'].includes(await presence(url)))
    await delay(ASK_AGAIN_MS);
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
