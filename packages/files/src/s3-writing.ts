/**
 * A file on its way into a bucket. Up to one part it is one request at the commit; beyond that a multipart upload, two
 * parts on their way while the next is gathered: three parts of memory, however large the file.
 */
import {
  type CompletedPart,
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type Hash, createHash } from 'node:crypto';
import type { Bucket } from './s3-client.ts';
import type { Digest, Writing, Written } from './store.ts';

/** S3 allows 10,000 parts: files of up to 78 GiB. */
const PART_BYTES = 8 * 1024 * 1024;
const FIRST_BUFFER_BYTES = 16 * 1024;
const PARTS_UNDER_WAY = 2;

/** Starts a multipart upload; its parts are made visible, or dropped, together. */
export class Multipart {
  readonly #bucket: Bucket;
  readonly #name: string;
  readonly #id: string;

  private constructor(bucket: Bucket, name: string, id: string) {
    this.#bucket = bucket;
    this.#name = name;
    this.#id = id;
  }

  static async start(bucket: Bucket, name: string): Promise<Multipart> {
    const command = new CreateMultipartUploadCommand(bucket.at(name));
    const made = await bucket.ask('begin', (options) => bucket.client.send(command, options));
    return new Multipart(bucket, name, made.UploadId as string);
  }

  /** What every command of this upload names. */
  get at(): { Bucket: string; Key: string; UploadId: string } {
    return { ...this.#bucket.at(this.#name), UploadId: this.#id };
  }

  async part(number: number, body: Buffer): Promise<CompletedPart> {
    const command = new UploadPartCommand({
      ...this.at,
      PartNumber: number,
      Body: body,
      ContentLength: body.length,
    });
    const { ETag } = await this.#bucket.carry((client, options) => client.send(command, options));
    return { PartNumber: number, ETag };
  }

  async complete(parts: CompletedPart[]): Promise<void> {
    const command = new CompleteMultipartUploadCommand({
      ...this.at,
      MultipartUpload: { Parts: parts },
    });
    await this.#bucket.write('finish', (options) => this.#bucket.client.send(command, options));
  }

  /** What cannot be dropped now is dropped by the sweep. */
  async abort(): Promise<void> {
    const command = new AbortMultipartUploadCommand(this.at);
    await this.#bucket
      .ask('drop', (options) => this.#bucket.client.send(command, options))
      .catch(() => undefined);
  }
}

export class S3Writing implements Writing {
  readonly #bucket: Bucket;
  readonly #name: string;
  readonly #hash: Hash | null;
  #buffer = Buffer.alloc(0);
  #used = 0;
  #bytes = 0;
  #upload: Multipart | null = null;
  #parts: Promise<CompletedPart>[] = [];
  /** Buffers whose parts have arrived, to gather the next in. */
  readonly #free: Buffer<ArrayBuffer>[] = [];
  #state: 'open' | 'committed' | 'aborted' = 'open';

  constructor(bucket: Bucket, name: string, digest: Digest | undefined) {
    this.#bucket = bucket;
    this.#name = name;
    this.#hash = digest === undefined ? null : createHash(digest);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#state !== 'open') throw new Error(`cannot write: already ${this.#state}`);
    this.#hash?.update(chunk);
    this.#bytes += chunk.length;
    for (let at = 0; at < chunk.length;) {
      const taken = Math.min(chunk.length - at, PART_BYTES - this.#used);
      this.#gather(chunk.subarray(at, at + taken));
      at += taken;
      if (this.#used === PART_BYTES) await this.#sendPart();
    }
  }

  async commit(): Promise<Written> {
    if (this.#state !== 'open') throw new Error(`cannot commit: already ${this.#state}`);
    const rest = this.#buffer.subarray(0, this.#used);
    if (this.#upload === null) await this.#bucket.put(this.#name, rest);
    else {
      if (this.#used > 0) await this.#sendPart();
      await this.#upload.complete(await Promise.all(this.#parts));
    }
    this.#state = 'committed';
    this.#buffer = Buffer.alloc(0);
    return { bytes: this.#bytes, digest: this.#hash?.digest('hex') ?? null };
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    this.#buffer = Buffer.alloc(0);
    // A part that arrives after the abort would stay: first let them end.
    await Promise.allSettled(this.#parts);
    await this.#upload?.abort();
  }

  #gather(bytes: Buffer): void {
    const needed = this.#used + bytes.length;
    if (this.#upload !== null && this.#used === 0) {
      this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES);
    }
    if (needed > this.#buffer.length) {
      const size = Math.max(needed, this.#buffer.length * 2, FIRST_BUFFER_BYTES);
      const larger = Buffer.allocUnsafeSlow(Math.min(size, PART_BYTES));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.#used);
    this.#used = needed;
  }

  async #sendPart(): Promise<void> {
    this.#upload ??= await Multipart.start(this.#bucket, this.#name);
    const buffer = this.#buffer;
    const body = buffer.subarray(0, this.#used);
    this.#buffer = Buffer.alloc(0);
    this.#used = 0;
    const part = this.#upload.part(this.#parts.length + 1, body);
    // A failure is met at the wait below or at the commit.
    part.then(
      () => this.#free.push(buffer),
      () => undefined,
    );
    this.#parts.push(part);
    await this.#parts.at(-1 - PARTS_UNDER_WAY);
  }
}
