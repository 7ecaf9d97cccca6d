/**
 * The outbox in Redis: one stream per slot, into which the ledger writes an event in the same step as the terminal
 * state. One consumer group; an entry stays until it is finished with, whoever dies on the way.
 */
import type { Redis } from 'ioredis';

const GROUP = 'relay';
/** Entries per stream and reading. */
const COUNT = 100;

export interface OutboxEntry {
  key: string;
  streamId: string;
  /** The JSON of the event; empty when the entry has no such field. */
  text: string;
  /** Of a delivery that was asked for again: endpoint, delivery, the how manieth time; empty for a new event. */
  again: string;
}

/** Streams read together by one consumer over one connection, which blocks. */
export interface OutboxReader {
  redis: Redis;
  keys: readonly string[];
  consumer: string;
}

/** From the first entry on: what was written before the group existed is told, too. */
export async function createGroups({ redis, keys }: OutboxReader): Promise<void> {
  for (const key of keys) {
    await redis.xgroup('CREATE', key, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.startsWith('BUSYGROUP')) throw error;
    });
  }
}

/** A stream or its group is not there (any more): Redis lost its data, or nobody created it. */
export const isGroupMissing = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOGROUP');

/** Waits up to `blockMs` for entries that nobody has taken. */
export async function readNew(reader: OutboxReader, blockMs: number): Promise<OutboxEntry[]> {
  return read(reader, { from: '>', blockMs });
}

/** Entries given to this consumer that it never saw: the connection broke before the reply came. */
export async function readUnseen(reader: OutboxReader): Promise<OutboxEntry[]> {
  // Redis ignores BLOCK here: a consumer's own entries are there or not.
  return read(reader, { from: '0', blockMs: 1 });
}

async function read(
  { redis, keys, consumer }: OutboxReader,
  { from, blockMs }: { from: '>' | '0'; blockMs: number },
): Promise<OutboxEntry[]> {
  const head = ['GROUP', GROUP, consumer, 'COUNT', COUNT, 'BLOCK', blockMs, 'STREAMS'] as const;
  const reply = await redis.xreadgroup(...head, ...keys, ...keys.map(() => from));
  return (reply ?? []).flatMap(([key, rows]) => toEntries(key, rows));
}

/** Takes over entries that somebody took at least `idleMs` ago and has not finished with. */
export async function claimIdle(reader: OutboxReader, idleMs: number): Promise<OutboxEntry[]> {
  const { redis, keys, consumer } = reader;
  const claims = keys.map(async (key) => {
    const reply = await redis.xautoclaim(key, GROUP, consumer, idleMs, '0', 'COUNT', COUNT);
    return toEntries(key, (reply as [string, (StreamRow | null)[]])[1]);
  });
  return (await Promise.all(claims)).flat();
}

/** Acknowledges and deletes, in one step per stream. */
export async function finish({ redis }: OutboxReader, entries: OutboxEntry[]): Promise<void> {
  const steps = [...new Set(entries.map(({ key }) => key))].map(async (key) => {
    const ids = entries.filter((entry) => entry.key === key).map(({ streamId }) => streamId);
    const replies = await redis
      .multi()
      .xack(key, GROUP, ...ids)
      .xdel(key, ...ids)
      .exec();
    const failed = replies?.find(([error]) => error);
    if (failed?.[0]) throw failed[0];
  });
  await Promise.all(steps);
}

/** Deletes consumers that left nothing behind; asking and deleting must be one step, or entries could be lost. */
const FORGET_CONSUMERS = `
local gone = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local fields = {}
  for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
  if fields.pending == 0 and fields.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields.name)
    gone = gone + 1
  end
end
return gone`;

/** Every start is a new consumer: forgets those that have not been seen for `idleMs`. */
export async function forgetConsumers({ redis, keys }: OutboxReader, idleMs: number) {
  await Promise.all(keys.map((key) => redis.eval(FORGET_CONSUMERS, 1, key, GROUP, idleMs)));
}

type StreamRow = [streamId: string, fields: string[] | null];

/** Rows without fields were deleted while somebody held them (Redis before 7 still lists them). */
function toEntries(key: string, rows: (StreamRow | null)[]): OutboxEntry[] {
  return rows.flatMap((row) => {
    if (!row) return [];
    const [streamId, fields] = row;
    return [{ key, streamId, text: field(fields, 'event'), again: field(fields, 'again') }];
  });
}

/** Names and values in turn. */
const field = (fields: string[] | null, name: string): string =>
  fields?.find((_, i) => i % 2 === 1 && fields[i - 1] === name) ?? '';
