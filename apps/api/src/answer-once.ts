/**
 * Idempotency-Key where what a request makes is no object of its own that remembers the key: the answer itself is kept. A
 * request that comes while the first is under way is told so. Only successes are kept; what failed may be tried again.
 */
import type { Idempotency } from '@sluice/ledger';
import type { Api } from './api.ts';
import { refuse } from './errors.ts';
import type { ApiRequest, Reply } from './http/message.ts';
import { ok } from './http/message.ts';
import { idempotencyOf, refuseConflict } from './idempotency.ts';

/** A request whose process has died is forgotten after this long. */
const UNDER_WAY_SECONDS = 120;

/** `content`: as for {@link idempotencyOf}. `make` is called for the first request of a key, and for each without one. */
export async function answerOnce(
  api: Api,
  request: ApiRequest,
  content: string,
  make: () => Promise<object>,
): Promise<Reply> {
  const keepMs = api.settings.retention.jobsMs;
  const idempotency = idempotencyOf(request, { content, keepMs });
  if (idempotency === null) return ok(await make());
  const before = await begin(api, request, idempotency);
  if (before !== null) return { status: 200, text: before };
  const [memory, answer] = keysOf(api, idempotency);
  const { redis } = api.ledger;
  const text = await make().then(JSON.stringify, async (error: unknown) => {
    await redis.del(memory);
    throw error;
  });
  const { keepSeconds } = idempotency;
  const kept = redis.multi().set(answer, text, 'EX', keepSeconds).expire(memory, keepSeconds);
  // It is made: the key must not make it again, and who asked is told of it all the same.
  await kept.exec().catch(() => undefined);
  return { status: 200, text };
}

const keysOf = ({ ledger }: Api, { slot, key }: Idempotency): [memory: string, answer: string] => [
  ledger.keys.idempotency(slot, key),
  ledger.keys.idempotency(slot, `${key}:answer`),
];

/** Null: this request is the first. Otherwise what the first was answered. Throws 409 for another request, and while that is made. */
async function begin(
  api: Api,
  request: ApiRequest,
  idempotency: Idempotency,
): Promise<string | null> {
  const { redis } = api.ledger;
  const [memory, answer] = keysOf(api, idempotency);
  const mine = `${idempotency.requestHash} ${request.id}`;
  if ((await redis.set(memory, mine, 'EX', UNDER_WAY_SECONDS, 'NX')) === 'OK') return null;
  const [first, text] = await redis.mget(memory, answer);
  // Redis did it, and the client asked again where that answer was lost.
  if (first === mine) return null;
  const [hash, id = ''] = (first ?? mine).split(' ');
  if (hash !== idempotency.requestHash) refuseConflict({ kind: 'conflict', id }, request);
  if (typeof text !== 'string') return refuse('idempotency_in_progress');
  refuseConflict({ kind: 'repeated', id }, request);
  return text;
}
