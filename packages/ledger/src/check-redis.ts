/** Whether a Redis is one that Sluice can trust its jobs to. */
import { serversOf } from './connect.ts';
import { openForOneTry } from './one-try.ts';

const OLDEST = [6, 2] as const;

/** Why not, or null. Never says the password that is in the URL. */
export async function refuseRedis(url: string): Promise<string | null> {
  const found = await lookAt(url);
  return found.kind === 'silent'
    ? `No Redis answers at ${withoutPassword(url)}: ${found.reason}. Check REDIS_URL; without it \`npm start\` runs its own.`
    : found.reason;
}

/** The same of one that may be away for now: it is judged when it answers. */
export async function refuseUnfit(url: string): Promise<string | null> {
  const found = await lookAt(url);
  return found.kind === 'silent' ? null : found.reason;
}

type Found = { kind: 'judged'; reason: string | null } | { kind: 'silent'; reason: string };

async function lookAt(url: string): Promise<Found> {
  const where = withoutPassword(url);
  const redis = openForOneTry(url);
  // The call below is rejected with what follows from it.
  let cause: Error | null = null;
  redis.on('error', (error: Error) => (cause ??= error));
  try {
    await redis.connect();
    const servers = serversOf(redis);
    const infos = await Promise.all(servers.map((server) => server.info()));
    const reason = infos.map((info) => judgeRedis(where, info)).find((why) => why !== null) ?? null;
    return { kind: 'judged', reason };
  } catch (error) {
    return { kind: 'silent', reason: (cause ?? (error as Error)).message };
  } finally {
    redis.disconnect();
  }
}

/** Judges what `INFO` says. */
export function judgeRedis(where: string, info: string): string | null {
  const version = field(info, 'redis_version') ?? 'unknown';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return `The Redis at ${where} has version ${version}; allowed: ${OLDEST.join('.')} or later.`;
  }
  if (field(info, 'cluster_enabled') === '1' && !where.includes('+cluster:'))
    return `The Redis at ${where} is a node of a Cluster; allowed: redis+cluster://host:port,host:port as REDIS_URL.`;
  const policy = field(info, 'maxmemory_policy');
  if (policy === undefined || policy === 'noeviction') return null;
  return `The Redis at ${where} has maxmemory-policy ${policy} and would throw jobs away; allowed: noeviction.`;
}

const field = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return url.replace(/\/\/.*@/, '//');
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
