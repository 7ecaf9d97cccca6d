/**
 * An S3-compatible server of its own for a test file: versitygw over a temporary folder, with signatures, ranges and
 * multipart uploads. `SLUICE_TEST_S3_SERVER` names the binary; otherwise `versitygw` from the PATH or .sluice/tools.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';
import { ended, freePort } from './with-redis.ts';

export interface TestS3 {
  endpoint: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** The folder of the bucket: an object is a file. */
  folder: string;
  readonly pid: number;
  stop: () => Promise<void>;
}

const TOOLS = fileURLToPath(new URL('../../../.sluice/tools/', import.meta.url));

/** Null = there is none: `sh scripts/setup/s3-server.sh` installs it. */
export function findS3Server(): string | null {
  const named = process.env['SLUICE_TEST_S3_SERVER'];
  const found = [named, 'versitygw', join(TOOLS, 'versitygw')].find(
    (name) => name && spawnSync(name, ['--version']).status === 0,
  );
  return found ?? null;
}

/** With one empty bucket. */
export async function startS3(): Promise<TestS3> {
  const binary = findS3Server();
  if (binary === null) throw new Error('no versitygw: sh scripts/setup/s3-server.sh installs it');
  const root = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  const bucket = 'sluice-test';
  for (const name of ['data', 'sidecar']) mkdirSync(join(root, name));
  mkdirSync(join(root, 'data', bucket));
  const port = await freePort();
  const keys = { accessKeyId: 'test-access', secretAccessKey: 'test-secret' };
  const child = spawn(
    binary,
    [
      '--access',
      keys.accessKeyId,
      '--secret',
      keys.secretAccessKey,
      '--quiet',
      '--port',
      `127.0.0.1:${port}`,
      'posix',
      '--sidecar',
      join(root, 'sidecar'),
      join(root, 'data'),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  await until('the S3 server answers', async () => {
    if (child.exitCode !== null) throw new Error(`versitygw ended with ${child.exitCode}`);
    return fetch(endpoint).then(
      () => true,
      () => false,
    );
  });
  const stop = async (): Promise<void> => {
    await ended(child, 'SIGKILL');
    rmSync(root, { recursive: true, force: true });
  };
  return {
    endpoint,
    bucket,
    ...keys,
    folder: join(root, 'data', bucket),
    pid: child.pid as number,
    stop,
  };
}
