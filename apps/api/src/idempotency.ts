/** Idempotency-Key: the key's slot is the slot of what it makes, so one script sees both. */
import { createHash, randomBytes } from 'node:crypto';
import { makeId } from '@sluice/job';
import type { IdKind } from '@sluice/job';
import type { Accepted, Idempotency } from '@sluice/ledger';
import { refuse, show } from './errors.ts';
import type { ApiRequest } from './http/message.ts';

const LONGEST_KEY = 255;

/**
 * Null when the request has no key. `content` is what makes two requests the same beside method and path: the body,
 * or a digest of it.
 */
export function idempotencyOf(
  request: Pick<ApiRequest, 'headers' | 'caller' | 'method' | 'path'>,
  { content, keepMs }: { content: string; keepMs: number },
): Idempotency | null {
  const sent = request.headers['idempotency-key'];
  if (sent === undefined) return null;
  if (typeof sent !== 'string' || sent === '' || sent.length > LONGEST_KEY) {
    return refuse('invalid_value', {
      param: 'Idempotency-Key',
      values: {
        field: 'Idempotency-Key',
        found: show(sent),
        allowed: `1 to ${LONGEST_KEY} characters`,
      },
    });
  }
  const key = sha256(`${request.caller.id}\0${sent}`);
  const requestHash = sha256(`${request.method} ${request.path}\0${content}`);
  return {
    slot: Number.parseInt(key[0] as string, 16),
    key,
    requestHash,
    keepSeconds: Math.ceil(keepMs / 1000),
  };
}

/** Whether the request carries a key at all (a body that is streamed is then hashed on its way). */
export const hasKey = (request: Pick<ApiRequest, 'headers'>): boolean =>
  request.headers['idempotency-key'] !== undefined;

/** A new id; in the slot of the idempotency key when there is one. */
export function newId(kind: IdKind, idempotency: Idempotency | null = null): string {
  const bytes = randomBytes(16);
  if (idempotency) bytes[0] = (idempotency.slot << 4) | ((bytes[0] as number) & 0xf);
  return makeId(kind, bytes);
}

/** Throws 409 when the key was used for another request; marks the answer when it is a repetition. */
export function refuseConflict({ kind, id }: Accepted, { marks }: Pick<ApiRequest, 'marks'>): void {
  if (kind === 'conflict') refuse('idempotency_conflict', { values: { id } });
  if (kind === 'repeated') marks['idempotent-replayed'] = 'true';
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
