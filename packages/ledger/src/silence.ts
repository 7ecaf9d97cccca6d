import type { Socket } from 'node:net';
import type { Redis } from 'ioredis';

/**
 * How long a Redis that owes an answer may say nothing before its connection is taken for dead and made anew, ms. A network that
 * swallows packets (a firewall that forgot the connection, a machine that lost its power) tells nobody, and TCP itself tries on for
 * a quarter of an hour. What was asked is asked again on the new connection, as after any lost one.
 */
export const SILENCE_MS = {
  /** Its commands have failed by then. */
  serving: 3_000,
  /** Longer than its slowest command may take. */
  large: 25_000,
  /** Leases must be renewed before they lapse; longer than we block ourselves, 2 s at most. */
  background: 5_000,
  /** Longer than BullMQ blocks: 10 s. */
  blocking: 12_000,
  /** Somebody waits for its news. */
  subscriber: 3_000,
} as const;
/** A subscriber is owed nothing, so it asks for a sign of life so often, ms. */
export const ASK_MS = 2_000;

/**
 * What is there when the time ends was no silence. Timers come before sockets: a process that could not run for so long would
 * drop its connection, and ask all again, with the answers in hand. So each socket is looked at once more.
 */
export function listenBeforeDropping(redis: Redis): Redis {
  redis.on('connect', () => {
    const { stream } = redis as unknown as { stream: Socket };
    const drop = stream.destroy.bind(stream);
    stream.destroy = (error) => {
      const heard = stream.bytesRead;
      if (!error?.message.startsWith(SILENT)) return drop(error);
      setImmediate(() => stream.bytesRead > heard || drop(error));
      return stream;
    };
  });
  return redis;
}
/** What ioredis drops a connection with whose `socketTimeout` has passed. */
const SILENT = 'Socket timeout.';
