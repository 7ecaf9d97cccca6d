/** The file store that an installation names. */
import { randomUUID } from 'node:crypto';
import { localStore } from './local-store.ts';
import type { Patience, S3Place } from './s3-client.ts';
import { type FileStore, StoreAway, StoreRefuses } from './store.ts';

export type StorePlace = { store: 'local' } | ({ store: 's3' } & S3Place);

interface Opening {
  /** Where a local store lies. */
  folder: string;
  patience: Patience;
  /** A folder without a mark is taken too, and made when the first file is written: for who looks at it or marks it. */
  unmarked?: boolean;
}

/** The store in use: a folder that has no mark, or is not there, is away. The S3 client is loaded only where it is used. */
export async function openStore(
  place: StorePlace,
  { folder, patience, unmarked = false }: Opening,
): Promise<FileStore> {
  if (place.store === 'local') return localStore(folder, { marked: !unmarked });
  const { s3Store } = await import('./s3-store.ts');
  return s3Store(place, patience);
}

/** Writes, reads and removes a small file; why that failed and what to do about it, or null. Names no secret. */
export async function refuseStore(place: StorePlace, folder: string): Promise<string | null> {
  const store = await openStore(place, { folder, patience: 'serving', unmarked: true });
  const name = `probe/${randomUUID()}`;
  try {
    const writing = await store.create(name);
    await writing.write(Buffer.from('probe'));
    await writing.commit();
    const read = await store.readAt(name, 0, 5);
    await store.remove(name);
    return String(read) === 'probe' ? null : `${named(place, folder)} gave back something else`;
  } catch (error) {
    return `${named(place, folder)} cannot be used: ${adviceOn(error, place)}`;
  } finally {
    await store.close();
  }
}

/** A store, for people: `the folder /srv/sluice/files`. Names no secret. */
export const whereOf = (place: StorePlace, folder: string): string =>
  place.store === 'local'
    ? `the folder ${folder}`
    : `the bucket ${place.bucket} at ${place.endpoint ?? `Amazon S3, ${place.region}`}`;

/** At the beginning of a sentence. */
const named = (place: StorePlace, folder: string): string =>
  whereOf(place, folder).replace(/^t/, 'T');

const NO_ANSWER = 'no answer; check `files.endpoint` and `files.region`, and that it runs';

function adviceOn(error: unknown, { store }: StorePlace): string {
  const { name, message } = error as Error;
  if (error instanceof StoreRefuses) return error.advice;
  if (store === 's3' && error instanceof StoreAway) return `${NO_ANSWER} (${message})`;
  return `${name}: ${message}`;
}
