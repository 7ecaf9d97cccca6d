/**
 * The file store in a bucket of an S3-compatible store. An object appears whole or not at all; parts of uploads that a
 * crash cut off are dropped a day later.
 */
import {
  type CompletedPart,
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Bucket, type Patience, type S3Place, statusOf } from './s3-client.ts';
import { S3Appender } from './s3-appender.ts';
import { readStream } from './s3-read.ts';
import { Multipart, S3Writing } from './s3-writing.ts';
import { type Digest, type FileStore, FileMissing, type Written, checkName } from './store.ts';

/** Smallest and largest part of a multipart upload but the last. */
const SMALLEST_PART = 5 * 1024 * 1024;
const LARGEST_PART = 5 * 1024 ** 3;
const NOT_IMPLEMENTED = 501;
const ABANDONED_MS = 24 * 60 * 60 * 1000;

export function s3Store(place: S3Place, patience: Patience): FileStore {
  const bucket = new Bucket(place, patience);
  let swept = false;
  const create: FileStore['create'] = async (name, { digest } = {}) => {
    const writing = new S3Writing(bucket, checkName(name), digest);
    // Not everyone may list uploads, and nothing waits for it.
    if (!swept) void sweep(bucket, Date.now() - ABANDONED_MS).catch(() => undefined);
    swept = true;
    return writing;
  };
  const read: FileStore['read'] = (name, range = {}) => readStream(bucket, checkName(name), range);

  return {
    create,
    read,
    readAt: (name, offset, length) => readAt(bucket, checkName(name), offset, length),
    size: async (name) => bucket.size(checkName(name)),
    remove: async (name) => bucket.remove(checkName(name)),
    removeAll: async (folder) => removeAll(bucket, `${checkName(folder)}/`),
    async concat(parts, target, options = {}) {
      checkName(target);
      const sizes = await sizesOf(bucket, parts.map(checkName));
      if (canCopy(sizes)) {
        const joined = await joinCopies({ bucket, read, sizes, target, ...options });
        if (joined !== null) return joined;
      }
      const writing = await create(target, options);
      try {
        for (const part of parts) for await (const chunk of read(part)) await writing.write(chunk);
        return await writing.commit();
      } finally {
        await writing.abort();
      }
    },
    appender: async (name) => new S3Appender(bucket, checkName(name)),
    close: async () => bucket.close(),
  };
}

async function readAt(
  bucket: Bucket,
  name: string,
  offset: number,
  length: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const end = offset + length;
  for await (const chunk of readStream(bucket, name, { start: offset, end })) chunks.push(chunk);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

interface Sized {
  name: string;
  bytes: number;
}

function sizesOf(bucket: Bucket, names: readonly string[]): Promise<Sized[]> {
  return Promise.all(
    names.map(async (name) => {
      const bytes = await bucket.size(name);
      if (bytes === null) throw new FileMissing(name);
      return { name, bytes };
    }),
  );
}

/** Empty parts are left out; else all but the last must be as large as a part of an upload. */
function canCopy(sizes: readonly Sized[]): boolean {
  const full = sizes.filter(({ bytes }) => bytes > 0);
  return (
    full.length > 0 &&
    full.every(({ bytes }) => bytes <= LARGEST_PART) &&
    full.slice(0, -1).every(({ bytes }) => bytes >= SMALLEST_PART)
  );
}

interface Joining {
  bucket: Bucket;
  read: FileStore['read'];
  sizes: readonly Sized[];
  target: string;
  digest?: Digest;
}

/** The store joins the parts itself; only for a digest are they read, and nothing is sent again. Null = it cannot. */
async function joinCopies({
  bucket,
  read,
  sizes,
  target,
  digest,
}: Joining): Promise<Written | null> {
  const full = sizes.filter(({ bytes }) => bytes > 0);
  const upload = await Multipart.start(bucket, target);
  try {
    const parts: CompletedPart[] = [];
    for (const { name } of full) parts.push(await copyPart(bucket, upload, parts.length + 1, name));
    const hex = digest === undefined ? null : await digestOf(read, full, digest);
    await upload.complete(parts);
    const bytes = full.reduce((sum, part) => sum + part.bytes, 0);
    return { bytes, digest: hex };
  } catch (error) {
    await upload.abort();
    if (statusOf(error) === NOT_IMPLEMENTED) return null;
    throw error;
  }
}

async function digestOf(
  read: FileStore['read'],
  parts: readonly Sized[],
  digest: Digest,
): Promise<string> {
  const hash = createHash(digest);
  for (const { name } of parts) for await (const chunk of read(name)) hash.update(chunk);
  return hash.digest('hex');
}

async function copyPart(
  bucket: Bucket,
  upload: Multipart,
  number: number,
  name: string,
): Promise<CompletedPart> {
  // Names and prefixes hold nothing that would need escaping.
  const command = new UploadPartCopyCommand({
    ...upload.at,
    PartNumber: number,
    CopySource: `${bucket.name}/${bucket.key(name)}`,
  });
  const copied = await bucket
    .write('join', (options) => bucket.client.send(command, options))
    .catch((error: unknown) => {
      throw statusOf(error) === 404 ? new FileMissing(name) : error;
    });
  return { PartNumber: number, ETag: copied.CopyPartResult?.ETag };
}

/** A thousand names at a time, until there are none. */
async function removeAll(bucket: Bucket, prefix: string): Promise<void> {
  for (let more = true; more;) {
    const list = new ListObjectsV2Command({ Bucket: bucket.name, Prefix: bucket.key(prefix) });
    const found = await bucket.ask('list', (options) => bucket.client.send(list, options));
    const objects = (found.Contents ?? []).map(({ Key }) => ({ Key }));
    if (objects.length === 0) return;
    const remove = new DeleteObjectsCommand({
      Bucket: bucket.name,
      Delete: { Objects: objects, Quiet: true },
    });
    const { Errors: errors = [] } = await bucket.write('remove', (options) =>
      bucket.client.send(remove, options),
    );
    const [first] = errors;
    if (first) throw new Error(`${errors.length} objects could not be removed: ${first.Code}`);
    more = found.IsTruncated === true;
  }
}

async function sweep(bucket: Bucket, before: number): Promise<void> {
  const list = new ListMultipartUploadsCommand({ Bucket: bucket.name, Prefix: bucket.key('') });
  const { Uploads: uploads = [] } = await bucket.ask('list', (options) =>
    bucket.client.send(list, options),
  );
  for (const { Key, UploadId, Initiated } of uploads) {
    if (!Initiated || Initiated.getTime() >= before) continue;
    const command = new AbortMultipartUploadCommand({ Bucket: bucket.name, Key, UploadId });
    await bucket.ask('drop', (options) => bucket.client.send(command, options));
  }
}
