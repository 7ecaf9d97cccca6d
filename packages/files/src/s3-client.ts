/** A bucket of an S3-compatible store, as the file store uses it: what is asked, how long it may take, what went wrong. */
import {
  type GetObjectCommandOutput,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { refusalOf } from './s3-refusals.ts';
import { StoreAway, StoreRefuses } from './store.ts';

/** Where the objects lie and who asks for them. */
export interface S3Place {
  bucket: string;
  /** Put before every name, with its `/`; empty = none. */
  prefix: string;
  region: string;
  /** Null = Amazon's own for the region. */
  endpoint: string | null;
  /** `https://host/bucket/name` rather than `https://bucket.host/name`. */
  pathStyle: boolean;
  /** Null = found as the AWS tools do: environment, profile, role of the machine. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | null;
}

/**
 * `serving`: somebody waits, so a question fails within two seconds, and bytes that are sent when the store stands still for
 * {@link SILENCE_MS}. `background`: it may be tried for a while.
 */
export type Patience = 'serving' | 'background';

const CONNECT_MS: Record<Patience, number> = { serving: 900, background: 5_000 };
const ATTEMPTS: Record<Patience, number> = { serving: 2, background: 4 };
/** All attempts of a small question together, ms. A part or a join of thousands of parts takes its time. */
const ASK_MS: Record<Patience, number> = { serving: 1_800, background: 30_000 };
const WRITE_MS = 120_000;
/**
 * A connection over which bytes are sent is given up when the store takes none, or has them all, and says nothing, ms. Amazon's
 * client begins to count 3 s after the request, and Node sees at the end of a second span that nothing moved in it. One over which
 * bytes come is given up when none came for so long.
 */
const SILENCE_MS: Record<Patience, number> = { serving: 10_000, background: 60_000 };
/** The same of all others: a join of many parts may be long in coming, and who reads may read slowly. */
const OTHER_SILENCE_MS = 60_000;
const MOST_SOCKETS = 128;

export class Bucket {
  readonly client: S3Client;
  /** For what carries bytes. */
  readonly #carrier: S3Client;
  readonly name: string;
  /** How long a store may stand still in the middle of what it sends, ms. */
  readonly silenceMs: number;
  readonly #prefix: string;
  readonly #patience: Patience;

  /** `silenceMs`: how long a store may stand still while it is sent bytes, or sends some. */
  constructor(place: S3Place, patience: Patience, silenceMs = SILENCE_MS[patience]) {
    this.name = place.bucket;
    this.silenceMs = silenceMs;
    this.#prefix = place.prefix;
    this.#patience = patience;
    this.client = clientOf(place, patience, OTHER_SILENCE_MS);
    this.#carrier = clientOf(place, patience, silenceMs);
    if (patience === 'serving') giveUpInSilence(this.#carrier, silenceMs);
  }

  close(): void {
    this.client.destroy();
    this.#carrier.destroy();
  }

  key(name: string): string {
    return this.#prefix + name;
  }

  /** Bucket and key, as most commands want them. */
  at(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.name, Key: this.key(name) };
  }

  /** A small question. Rejects with {@link StoreAway} when the store cannot answer, {@link StoreRefuses} when it may not. */
  ask<T>(
    doing: string,
    command: (options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    return within(ASK_MS[this.#patience], doing, command);
  }

  /** Something that joins or removes much. */
  write<T>(
    doing: string,
    command: (options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    return within(WRITE_MS, doing, command);
  }

  /** Something that carries bytes: to be sent with this client. */
  carry<T>(
    command: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    return within(WRITE_MS, 'write', (options) => command(this.#carrier, options));
  }

  /** Null = there is no such object. `end` is exclusive; the body must be read or destroyed. */
  async get(name: string, start: number, end: number): Promise<GetObjectCommandOutput | null> {
    const last = end === Infinity ? '' : String(end - 1);
    const whole = start === 0 && end === Infinity;
    const range = whole ? {} : { Range: `bytes=${start}-${last}` };
    const command = new GetObjectCommand({ ...this.at(name), ...range });
    const found = await this.ask('read', (options) => this.client.send(command, options)).catch(
      noneIfMissing,
    );
    // Better none than the wrong bytes.
    const asked = whole || found === null || found.ContentRange?.startsWith(`bytes ${start}-`);
    if (asked) return found;
    (found.Body as Readable).destroy();
    throw new Error(`the file store does not answer with the range asked for of ${name}`);
  }

  /** Bytes; null = there is no such object. */
  async size(name: string): Promise<number | null> {
    const command = new HeadObjectCommand(this.at(name));
    const found = await this.ask('look', (options) => this.client.send(command, options)).catch(
      noneIfMissing,
    );
    return found === null ? null : (found.ContentLength ?? 0);
  }

  async put(name: string, body: Buffer): Promise<void> {
    const command = new PutObjectCommand({
      ...this.at(name),
      Body: body,
      ContentLength: body.length,
    });
    await this.carry((client, options) => client.send(command, options));
  }

  async remove(name: string): Promise<void> {
    const command = new DeleteObjectCommand(this.at(name));
    await this.ask('remove', (options) => this.client.send(command, options));
  }
}

function clientOf(place: S3Place, patience: Patience, silenceMs: number): S3Client {
  return new S3Client({
    region: place.region,
    ...(place.endpoint === null ? {} : { endpoint: place.endpoint }),
    ...(place.credentials === null ? {} : { credentials: place.credentials }),
    forcePathStyle: place.pathStyle,
    maxAttempts: ATTEMPTS[patience],
    requestHandler: {
      connectionTimeout: CONNECT_MS[patience],
      socketTimeout: silenceMs,
      httpAgent: { maxSockets: MOST_SOCKETS },
      httpsAgent: { maxSockets: MOST_SOCKETS },
    },
    // Stores other than Amazon's do not all know the newer checksums; TLS and the signature cover what travels.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** A store that stood still once would do so again: its client would make a second attempt of it, and whoever waits wait twice. */
function giveUpInSilence(client: S3Client, silenceMs: number): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const began = performance.now();
      try {
        return await next(args);
      } catch (error) {
        // A connection that does not come about is a TimeoutError too, and is one sooner. Timers may be a millisecond early.
        const silent = performance.now() - began >= silenceMs - 1;
        if ((error as Error).name !== 'TimeoutError' || !silent) throw error;
        throw new StoreAway('write', `it stood still for ${silenceMs / 1000} s`);
      }
    },
    { step: 'deserialize', name: 'giveUpInSilence' },
  );
}

async function within<T>(
  ms: number,
  doing: string,
  command: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ms);
  try {
    return await command({ abortSignal: late.signal });
  } catch (error) {
    if (error instanceof StoreAway) throw error;
    const refusal = refusalOf(error);
    if (refusal !== null) throw new StoreRefuses(doing, refusal);
    throw isAway(error) ? new StoreAway(doing, reasonOf(error)) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** No answer, or one that says that another time may be better. */
function isAway(error: unknown): boolean {
  if (!(error instanceof S3ServiceException)) return true;
  const status = error.$metadata.httpStatusCode ?? 500;
  return (status >= 500 && status !== 501) || status === 429;
}

const reasonOf = (error: unknown): string => {
  const { name = '', code = '', message = '' } = error as Record<string, string>;
  return code || message || name;
};

export const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

function noneIfMissing(error: unknown): null {
  if (statusOf(error) === 404) return null;
  throw error;
}
