/**
 * A Redis of its own for a test file: started on a free port in a temporary folder, ended with the tests.
 * `SLUICE_TEST_REDIS_SERVER` names the binary; otherwise `redis-server` or `valkey-server` from the PATH.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goneWithUs } from './gone-with-us.ts';

export interface TestRedis {
  url: string;
  port: number;
  readonly pid: number;
  /** Ends the server and starts it again on the same port and folder, with what it has written there. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

/**
 * Below those that the operating system gives to outgoing connections (from 32,768): a server that is started again finds its
 * port still free, and whoever knocks while it is away cannot get connected to himself. So that a cluster's bus (10,000 above)
 * has the same, they end at 22,000.
 */
const PORTS = { from: 10_000, to: 22_000 } as const;
/** The only one of these that `fetch` refuses to speak to: https://fetch.spec.whatwg.org/#port-blocking */
const BLOCKED_BY_FETCH = 10_080;

/** A TCP port on loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (port !== BLOCKED_BY_FETCH && (await isFree(port))) return port;
  }
}

/** Whether nobody listens there, on loopback. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function serverBinary(): string {
  const named = process.env['SLUICE_TEST_REDIS_SERVER'];
  const found = [named, 'redis-server', 'valkey-server'].find(
    (name) => name && spawnSync(name, ['--version']).status === 0,
  );
  if (!found) throw new Error('no redis-server on the PATH: `npm test` installs one');
  return found;
}

/** Starts a Redis on a free port. `persistent` gives it `appendonly yes` and `appendfsync always`, as production has. */
export async function startRedis(options: { persistent?: boolean } = {}): Promise<TestRedis> {
  const durable = options.persistent ? DURABLE : [];
  return startServer(await freePort(), durable);
}

/** What production has. */
export const DURABLE: readonly string[] = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** A server on this port in a temporary folder of its own. */
export async function startServer(port: number, more: readonly string[]): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  let child = await launch([...flags, ...more]);
  const restart = async (): Promise<void> => {
    await ended(child);
    child = await launch([...flags, ...more]);
  };
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid as number;
    },
    restart,
    stop,
  };
}

/** A process of the server's binary; resolves when its log has `ready`. */
export async function launch(
  flags: readonly string[],
  ready = 'Ready to accept connections',
): Promise<ChildProcess> {
  const child = goneWithUs(spawn(serverBinary(), flags, { stdio: ['ignore', 'pipe', 'inherit'] }));
  await readyLine(child, ready);
  return child;
}

function readyLine(child: ChildProcess, ready: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${text}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(ready)) resolve();
    });
  });
}

/** Asks it to end, or ends it, and waits for that. */
export function ended(
  child: ChildProcess,
  signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM',
): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}
