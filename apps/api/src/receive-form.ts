/**
 * Receives a multipart form with one file, streamed into the store. The file may come before or after the other fields.
 * What is cut off, too large or malformed leaves nothing behind.
 */
import busboy from 'busboy';
import type { Digest, FileStore, Writing } from '@sluice/files';
import type { Readable } from 'node:stream';
import { HEAD_BYTES } from './batch-content.ts';
import { ApiError, refuse, show } from './errors.ts';
import type { ApiRequest } from './http/message.ts';

export interface FormSpec {
  /** The name of the file part. */
  fileField: string;
  maxBytes: number;
  /** What that limit is, in words. */
  maxIs: string;
  store: FileStore;
  storeName: string;
  digest?: Digest;
}

export interface Form {
  filename: string;
  bytes: number;
  head: Buffer;
  /** The other fields; without a prototype's. */
  fields: Map<string, string>;
  /** Commit it, or abort it: whoever gets it decides. */
  writing: Writing;
}

const LIMITS = { fields: 32, files: 1, parts: 40, fieldNameSize: 200, fieldSize: 4_096 };

interface Taken {
  filename: string;
  bytes: number;
  head: Buffer;
}

export async function receiveForm(request: ApiRequest, spec: FormSpec): Promise<Form> {
  const parser = openParser(request);
  const writing = await spec.store.create(
    spec.storeName,
    spec.digest ? { digest: spec.digest } : {},
  );
  try {
    const fields = new Map<string, string>();
    const taken = await parse(request.stream, parser, { spec, writing, fields });
    if (taken === null) return refuseMissing(spec.fileField, fields);
    return { ...taken, fields, writing };
  } catch (error) {
    await writing.abort();
    throw error;
  }
}

function openParser(request: ApiRequest): busboy.Busboy {
  try {
    return busboy({ headers: request.headers, limits: LIMITS, defParamCharset: 'utf8' });
  } catch {
    return refuse('unsupported_media_type', {
      values: { found: show(request.headers['content-type']), allowed: 'multipart/form-data' },
    });
  }
}

interface Into {
  spec: FormSpec;
  writing: Writing;
  fields: Map<string, string>;
}

/** Feeds the parser until the form ends, or until anything goes wrong on either side; then lets go of the file. */
async function parse(source: Readable, parser: busboy.Busboy, into: Into): Promise<Taken | null> {
  const state: { taking: Promise<Taken> | null } = { taking: null };
  try {
    await feed(source, parser, { into, state });
    return await state.taking;
  } catch (error) {
    source.unpipe(parser);
    parser.destroy();
    await Promise.allSettled([state.taking]);
    throw error;
  }
}

function feed(
  source: Readable,
  parser: busboy.Busboy,
  { into, state }: { into: Into; state: { taking: Promise<Taken> | null } },
): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.on('field', (name, value, { nameTruncated, valueTruncated }) => {
      if (nameTruncated || valueTruncated) reject(badForm(`the field ${show(name)} is too long`));
      else into.fields.set(name, value);
    });
    parser.on('file', (name, file, { filename }) => {
      // When the parser is given up it gives up this part with an error, whether or not anyone reads it.
      file.on('error', () => undefined);
      if (name === into.spec.fileField) {
        state.taking = take(file, filename || 'upload', into);
        state.taking.catch(reject);
      } else {
        reject(unknownPart(name, into.spec.fileField));
      }
    });
    parser.on('filesLimit', () => reject(badForm('it has more than one file')));
    parser.on('fieldsLimit', () => reject(badForm('it has too many fields')));
    parser.on('partsLimit', () => reject(badForm('it has too many parts')));
    parser.on('error', (error) => reject(badForm((error as Error).message)));
    parser.once('close', resolve);
    const cutOff = (): void => reject(badForm('it was cut off'));
    source.once('error', cutOff);
    source.once('close', () => {
      if (!source.readableEnded) cutOff();
    });
    // It may have been while the store opened the file: then nothing more is heard of it.
    if (source.destroyed) cutOff();
    else source.pipe(parser);
  });
}

async function take(file: Readable, filename: string, { spec, writing }: Into): Promise<Taken> {
  let bytes = 0;
  let head = Buffer.alloc(0);
  for await (const chunk of file as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > spec.maxBytes) {
      const { fileField: field, maxBytes: allowed, maxIs: limit } = spec;
      refuse('too_large', { param: field, values: { field, allowed, limit } });
    }
    if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
    await writing.write(chunk);
  }
  return { filename, bytes, head };
}

const badForm = (reason: string): ApiError => new ApiError('invalid_form', { values: { reason } });

const unknownPart = (found: string, allowed: string): ApiError =>
  new ApiError('unknown_parameter', { param: found, values: { field: found, allowed } });

function refuseMissing(field: string, fields: Map<string, string>): never {
  if (!fields.has(field)) {
    return refuse('missing_required_parameter', { param: field, values: { field } });
  }
  const values = { field, found: 'a text', allowed: 'a file part, with a filename' };
  return refuse('invalid_type', { param: field, values });
}
