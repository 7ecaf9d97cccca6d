/**
 * The kinds of values that the config file is made of. Each says in `meta.allowed` what it takes, in words that
 * error messages and docs/configuration.md share. Defaults are set with `prefault`: as written in a file.
 */
import { z } from 'zod';
import { parseCidr } from '../cidr.ts';
import { LONGEST_MS, parseDuration } from '../duration.ts';

/** `"${RPM}"` arrives as a text: a number written as a text is a number. */
const readNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;

const readFlag = (value: unknown): unknown =>
  value === 'true' ? true : value === 'false' ? false : value;

/** `api-version: 2024` means the text. */
const readText = (value: unknown): unknown =>
  typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;

/**
 * More of anything is a slip of the keyboard. Sums and products of such numbers stay exact in Redis, whose scripts have the
 * same doubles, and far from what overflows. `PATCH /admin/…` takes as much.
 */
const LARGEST = 1e15;

/** Less, and the moment when a large request is paid for is beyond what a date can say. */
const SMALLEST = 1e-3;

/** A number above 0, fractions allowed. */
export const amount = (most = LARGEST) =>
  z
    .preprocess(readNumber, z.number().min(SMALLEST).max(most))
    .meta({ allowed: `a number from ${SMALLEST} to ${most === LARGEST ? '1e15' : most}` });

/** A whole number of at least `least`, at most `most`. */
export const whole = (least: number, most: number) =>
  z
    .preprocess(readNumber, z.int().min(least).max(most))
    .meta({ allowed: `a whole number from ${least} to ${most}` });

/** Calls at once; live control takes as many. */
export const calls = () => whole(1, 1_000_000);

/** Tokens of one request or answer. */
export const tokens = (least: number) => whole(least, 1_000_000_000);

export const weight = () =>
  z
    .preprocess(readNumber, z.number().min(0).max(1_000_000))
    .meta({ allowed: 'a number from 0 to 1000000' });

export const price = () =>
  z
    .preprocess(readNumber, z.number().min(0).max(1_000_000))
    .meta({ allowed: 'US dollars per million tokens, from 0 to 1000000' });

/** A share up to 1. */
export const share = () =>
  z
    .preprocess(readNumber, z.number().min(SMALLEST).max(1))
    .meta({ allowed: `a number from ${SMALLEST} to 1` });

export const percent = () =>
  z
    .preprocess(readNumber, z.number().min(0).max(100))
    .meta({ allowed: 'a percentage from 0 to 100' });

export const flag = () => z.preprocess(readFlag, z.boolean()).meta({ allowed: 'true or false' });

/** A key of jobs' metadata, without white space. */
export const metadataKey = () =>
  z
    .string()
    .regex(/^\S{1,64}$/)
    .meta({ allowed: 'a metadata key of 1 to 64 characters without white space' });

export const text = () => z.preprocess(readText, z.string().min(1)).meta({ allowed: 'a text' });

/** Names become part of Redis keys, queue names and URLs. */
export const name = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    .meta({
      allowed:
        'a name: letters, digits, `.`, `_` and `-`, at most 64, beginning with a letter or digit',
    });

/** `mini`, or one of several: `mini@openai-a`. */
export const deploymentName = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(@[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/)
    .meta({ allowed: 'the name of a deployment, or `name@provider` for one of several' });

export const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1)]);

/** Header names and values as HTTP takes them: a line break would be another header. */
export const headers = () =>
  z.record(headerName(), headerValue()).meta({ allowed: 'header names with their values' });

const headerName = () =>
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
    .meta({ allowed: 'the name of a header: letters, digits and `-`, without spaces' });

const headerValue = () =>
  z.preprocess(readText, z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/)).meta({
    allowed: 'a text without line breaks, in characters that HTTP takes in a header (Latin-1)',
  });

/** A key that goes into a header of every call: with another character in it every call would fail. */
export const providerKey = () =>
  z.preprocess(readText, z.string().regex(/^[\x20-\x7e]+$/)).meta({
    allowed: 'a key in printable ASCII characters, as a header takes it',
  });

export const httpUrl = () =>
  z
    .string()
    .transform((value, context) => {
      if (isPlainHttpUrl(value)) return value.replace(/\/+$/, '');
      context.addIssue({ code: 'custom', message: 'not a plain http(s) URL' });
      return z.NEVER;
    })
    .meta({ allowed: 'an http:// or https:// URL without user, password, query or fragment' });

function isPlainHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  const extras = url.username + url.password + url.search + url.hash;
  return (url.protocol === 'http:' || url.protocol === 'https:') && extras === '';
}

/** Read into milliseconds. */
export const duration = () =>
  z
    .string()
    .transform((value, context) => {
      const ms = parseDuration(value);
      if (ms !== null && ms > 0 && ms <= LONGEST_MS) return ms;
      context.addIssue({ code: 'custom', message: 'not a duration' });
      return z.NEVER;
    })
    .meta({
      allowed: 'a duration above 0 such as `500ms`, `30s`, `10m`, `24h` or `30d`, at most `3650d`',
    });

export const cidr = () =>
  z
    .string()
    .transform((value, context) => {
      const range = parseCidr(value);
      if (range !== null) return range;
      context.addIssue({ code: 'custom', message: 'not an address range' });
      return z.NEVER;
    })
    .meta({ allowed: 'an address range such as `10.0.0.0/8` or `fd00::/8`, or one address' });

/** An API key as clients send it, or the SHA-256 of it so that the file holds no secret. */
export const apiKey = () =>
  z
    .string()
    .refine((value) => isApiKey(value))
    .meta({
      allowed: 'a key without spaces, or `sha256:` and 64 hex digits (`npm run -s key` makes both)',
    });

const isApiKey = (value: string): boolean =>
  value.startsWith('sha256:') ? /^sha256:[0-9a-f]{64}$/.test(value) : /^[\x21-\x7e]+$/.test(value);
