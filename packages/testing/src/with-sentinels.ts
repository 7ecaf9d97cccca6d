/** A master, a replica and three sentinels on loopback, which make the replica the master when the master dies. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, freePort, launch } from './with-redis.ts';

export interface TestSentinels {
  /** `redis+sentinel://…/mymaster` */
  url: string;
  /** Of the first master. */
  masterPid: number;
  replicaUrl: string;
  stop: () => Promise<void>;
}

const DOWN_AFTER_MS = 1_000;
const SENTINELS = 3;
const QUORUM = 2;

export async function startSentinels(): Promise<TestSentinels> {
  const root = mkdtempSync(join(tmpdir(), 'sluice-sentinels-'));
  const running: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((child) => ended(child)));
    rmSync(root, { recursive: true, force: true });
  };
  try {
    const master = await freePort();
    const first = await launch(serverFlags(root, master));
    running.push(first);
    const replica = await freePort();
    const follow = ['--replicaof', '127.0.0.1', String(master)];
    running.push(await launch([...serverFlags(root, replica), ...follow], 'Finished with success'));
    const ports: number[] = [];
    for (let n = 0; n < SENTINELS; n++) {
      const port = await freePort();
      running.push(await launch([sentinelFile(root, port, master), '--sentinel'], '+slave'));
      ports.push(port);
    }
    return {
      url: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/mymaster`,
      masterPid: first.pid as number,
      replicaUrl: `redis://127.0.0.1:${replica}`,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function serverFlags(root: string, port: number): string[] {
  const folder = join(root, String(port));
  mkdirSync(folder);
  const durable = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
  const quick = ['--repl-diskless-sync-delay', '0'];
  return ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...durable, ...quick];
}

/** Sentinels keep what they know in their config file. */
function sentinelFile(root: string, port: number, master: number): string {
  const file = join(root, `sentinel-${port}.conf`);
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${root}`,
    `sentinel monitor mymaster 127.0.0.1 ${master} ${QUORUM}`,
    `sentinel down-after-milliseconds mymaster ${DOWN_AFTER_MS}`,
    'sentinel failover-timeout mymaster 5000',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
