/**
 * Ids carry their slot: the first hex digit after the prefix is the `{j<n>}` hash tag under which
 * everything about the object lives in Redis, so one script can touch it all (also on a Cluster).
 */

/** How many `{j<n>}` tags there are. Fixed for the life of an installation: ids carry the slot. */
export const SLOTS = 16;

export type IdKind =
  | 'job'
  | 'batch'
  | 'file'
  | 'upload'
  | 'part'
  | 'evt'
  | 'req'
  | 'batch_req'
  /** Webhook endpoints, and deliveries to them. */
  | 'whe'
  | 'whd';

/** A batch line is addressed as `{batch_id}.{line}`, line counted from 1 with blank lines included. */
export const lineId = (batchId: string, line: number): string => `${batchId}.${line}`;

/** `bytes` are at least 16 random bytes; the id is `<kind>_<32 hex digits>` (`file-…` for files). */
export function makeId(kind: IdKind, bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, 16)).toString('hex');
  return kind === 'file' ? `file-${hex}` : `${kind}_${hex}`;
}

/** Makes an id that lives in the same slot as `sibling`. */
export function makeSiblingId(kind: IdKind, sibling: string, bytes: Uint8Array): string {
  const id = makeId(kind, bytes);
  const at = id.length - 32;
  return id.slice(0, at) + slotOf(sibling).toString(16) + id.slice(at + 1);
}

const ID = /^(?:job_|batch_|file-|upload_|part_|whe_|whd_)([0-9a-f])[0-9a-f]{31}/;

/** The slot 0…15 of an id, a line id or an entry id. Throws on what is no id of ours: check with {@link isId} first. */
export function slotOf(id: string): number {
  const match = ID.exec(id);
  if (!match) throw new TypeError(`not an id that carries a slot: ${JSON.stringify(id)}`);
  return Number.parseInt(match[1] as string, 16);
}

/** Whether `text` is a whole, well-formed id of this kind. */
export function isId(kind: IdKind, text: string): boolean {
  const separator = kind === 'file' ? '-' : '_';
  return new RegExp(`^${kind}${separator}[0-9a-f]{32}$`).test(text);
}

/** Splits `batch_….17` into its batch and line number, or null when it is not a line id. */
export function parseLineId(text: string): { batchId: string; line: number } | null {
  const match = /^(batch_[0-9a-f]{32})\.([1-9][0-9]{0,8})$/.exec(text);
  return match ? { batchId: match[1] as string, line: Number(match[2]) } : null;
}
