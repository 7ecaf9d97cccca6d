/** Server-sent events: `event: <name>`, `data: <one line of JSON>`; a comment now and then keeps proxies from hanging up. */
import type { Reply } from './http/message.ts';

export const HEARTBEAT_MS = 15_000;
export const HEARTBEAT = ': still here\n\n';

export const eventText = (name: string, data: unknown): string =>
  eventOf(name, JSON.stringify(data));

/** Of JSON text, in which a raw line break can only stand between tokens. */
export const eventOf = (name: string, json: string): string =>
  `event: ${name}\ndata: ${json.replaceAll(/[\r\n]+/g, ' ')}\n\n`;

export const eventReply = (stream: AsyncIterable<string>): Reply => ({
  status: 200,
  headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
  stream,
});
