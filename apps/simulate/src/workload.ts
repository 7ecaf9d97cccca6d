/**
 * `--workload path:key=value,key=value`: a file of requests and how they come.
 *
 *   trace.csv                                    its requests, when they arrived
 *   code.csv:at_once                             the same as a batch
 *   conv.csv:priority=interactive,tenant=a,scale=2
 */
import { parseDuration } from '@sluice/config';
import { PRIORITIES } from '@sluice/job';
import type { Priority } from '@sluice/job';
import { mistake, shown } from './mistake.ts';

/** No request comes later, none waits longer: ten years. */
export const LONGEST_MS = 3_650 * 86_400_000;
/** Of one request. */
export const MOST_TOKENS = 100_000_000;

export interface Workload {
  path: string;
  /** null: `low` for what comes as a batch, else `normal`. */
  priority: Priority | null;
  tenant: string;
  /** null: the config's first pool; JSONL lines name their own. */
  pool: string | null;
  /** All requests come at the start, as one batch. */
  atOnce: boolean;
  /** So many times as many requests per minute: arrival times are divided by it. */
  scale: number;
  /** When it begins, ms. */
  startMs: number;
  /** Only so many requests of the file. */
  limit: number;
  /** The maximum of output tokens that its requests set; null = none (JSONL lines have their own). */
  maxTokens: number | null;
  deadlineMs: number;
}

const USUAL: Omit<Workload, 'path'> = {
  priority: null,
  tenant: 'default',
  pool: null,
  atOnce: false,
  scale: 1,
  startMs: 0,
  limit: Infinity,
  maxTokens: null,
  deadlineMs: 24 * 3_600_000,
};

type Setting = Partial<Workload>;

const number = (text: string, allowed: (value: number) => boolean): number | null => {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) && allowed(value) ? value : null;
};

const whole = (text: string, most = Infinity): number | null =>
  number(text, (value) => Number.isInteger(value) && value > 0 && value <= most);

/** What each key takes: its value read, or null when it is none, and what is allowed. */
const KEYS: Record<string, { allowed: string; read: (text: string) => Setting | null }> = {
  priority: {
    allowed: PRIORITIES.join(', '),
    read: (text) =>
      orNull(
        PRIORITIES.find((each) => each === text),
        (priority) => ({ priority }),
      ),
  },
  tenant: { allowed: 'a name', read: (text) => (text === '' ? null : { tenant: text }) },
  pool: { allowed: 'the name of a pool', read: (text) => (text === '' ? null : { pool: text }) },
  at_once: {
    allowed: 'nothing, true or false',
    read: (text) => (/^(true|false|)$/.test(text) ? { atOnce: text !== 'false' } : null),
  },
  scale: {
    allowed: 'a number above 0',
    read: (text) =>
      orNull(
        number(text, (value) => value > 0),
        (scale) => ({ scale }),
      ),
  },
  start: {
    allowed: 'a duration such as `30s` or `10m`',
    read: (text) => orNull(parseDuration(text), (startMs) => ({ startMs })),
  },
  limit: {
    allowed: 'a whole number above 0',
    read: (text) => orNull(whole(text), (limit) => ({ limit })),
  },
  max_tokens: {
    allowed: `a whole number from 1 to ${MOST_TOKENS}`,
    read: (text) => orNull(whole(text, MOST_TOKENS), (maxTokens) => ({ maxTokens })),
  },
  deadline: {
    allowed: 'a duration above 0 and up to 3650d, such as `10m` or `24h`',
    read: (text) => {
      const ms = parseDuration(text) || null;
      return ms !== null && ms <= LONGEST_MS ? { deadlineMs: ms } : null;
    },
  },
};

const orNull = <T>(value: T | null | undefined, make: (value: T) => Setting): Setting | null =>
  value === null || value === undefined ? null : make(value);

/** Throws InputMistake on a key or value that is none. `atOnce`: for all workloads. */
export function parseWorkload(text: string, atOnce: boolean): Workload {
  const colon = text.lastIndexOf(':');
  const tail = colon > 0 ? text.slice(colon + 1) : '';
  const hasSettings = /^[a-z_]+\s*(=|,|$)/.test(tail) && !tail.includes('/');
  const path = hasSettings ? text.slice(0, colon) : text;
  if (path === '') throw mistake('--workload', shown(text), 'a file, then perhaps `:key=value,…`');
  const parts = hasSettings ? tail.split(',') : [];
  const settings = parts.map((part) => readSetting(part.trim(), text));
  return Object.assign({ ...USUAL, path, atOnce }, ...settings) as Workload;
}

function readSetting(part: string, text: string): Setting {
  const [key = '', ...rest] = part.split('=');
  const known = KEYS[key.trim()];
  if (!known) {
    const names = Object.keys(KEYS).join(', ');
    throw mistake(`--workload ${text}`, shown(key), `the keys ${names}`);
  }
  const value = rest.join('=').trim();
  const setting = known.read(value);
  if (!setting) throw mistake(`--workload ${text}: ${key}`, shown(value), known.allowed);
  return setting;
}
