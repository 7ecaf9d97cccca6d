/** The Redis of the installation: reachable, new enough, not evicting, durable, near. */
import { performance } from 'node:perf_hooks';
import { connectRedis, serversOf } from '@sluice/ledger';
import type { Redis } from 'ioredis';
import { good, warning, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const ABOUT = 'redis';
const PINGS = 20;
const FAR_MS = 5;
const OLDEST: readonly [number, number] = [6, 2];

export async function checkRedis(url: string | null): Promise<Finding[]> {
  if (url === null)
    return [
      good(ABOUT, 'REDIS_URL is not set: `npm start` runs its own, durable and not evicting'),
    ];
  const redis = connectRedis(url, 'serving');
  try {
    await redis.ping();
    const found = (await Promise.all(serversOf(redis).map(checkServer))).flat();
    // What all nodes of a Cluster have alike is said once.
    return [...new Map(found.map((one) => [one.says, one])).values()];
  } catch (error) {
    const says = `cannot be asked at ${placeOf(url)}: ${withoutUrl((error as Error).message, url)}`;
    return [wrong(ABOUT, says, 'check REDIS_URL, that it runs, and user and password')];
  } finally {
    redis.disconnect();
  }
}

async function checkServer(server: Redis): Promise<Finding[]> {
  const info = fieldsOf(await server.info());
  return [
    versionFinding(info),
    evictionFinding(info),
    await durabilityFinding(server, info),
    await latencyFinding(server),
  ];
}

/** Without user and password. */
function placeOf(url: string): string {
  if (URL.canParse(url)) return new URL(url).host;
  return /^[a-z+]+:\/\/(?:.*@)?([^/@]+)/.exec(url)?.[1] ?? 'the address in REDIS_URL';
}

const withoutUrl = (text: string, url: string): string => text.replaceAll(url, placeOf(url));

function fieldsOf(info: string): Map<string, string> {
  const pairs = info.split(/\r?\n/).map((line) => line.split(':') as [string, string?]);
  return new Map(pairs.map(([name, value]) => [name, value ?? '']));
}

function versionFinding(info: Map<string, string>): Finding {
  const valkey = info.get('valkey_version');
  const version = info.get('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const shown = valkey ? `Valkey ${valkey}` : `Redis ${version || 'of unknown version'}`;
  const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  return old && !valkey
    ? wrong(ABOUT, shown, 'Redis or Valkey 6.2 or later is needed')
    : good(ABOUT, shown);
}

function evictionFinding(info: Map<string, string>): Finding {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  const says = `maxmemory-policy ${policy}`;
  return policy === 'noeviction'
    ? good(ABOUT, says)
    : wrong(
        ABOUT,
        says,
        'it would throw jobs away: CONFIG SET maxmemory-policy noeviction, and in its file',
      );
}

async function durabilityFinding(redis: Redis, info: Map<string, string>): Promise<Finding> {
  const advice = 'set `appendonly yes` and `appendfsync always`, or know what a crash may lose';
  if (info.get('aof_enabled') !== '1')
    return warning(ABOUT, 'no append-only file: a crash loses accepted jobs', advice);
  // Managed services forbid CONFIG.
  const [, fsync] = (await redis.config('GET', 'appendfsync').catch(() => [])) as string[];
  if (fsync === undefined) return good(ABOUT, 'append-only file; how often it syncs is not told');
  return fsync === 'always'
    ? good(ABOUT, 'append-only file, appendfsync always')
    : warning(
        ABOUT,
        `appendfsync ${fsync}: a crash of its machine may lose the last second`,
        advice,
      );
}

async function latencyFinding(redis: Redis): Promise<Finding> {
  const took: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const began = performance.now();
    await redis.ping();
    took.push(performance.now() - began);
  }
  const median = took.toSorted((a, b) => a - b)[PINGS / 2] as number;
  const says = `answers in ${median.toFixed(1)} ms`;
  return median <= FAR_MS
    ? good(ABOUT, says)
    : warning(
        ABOUT,
        says,
        'put it near the workers: every call of a job waits for it several times',
      );
}
