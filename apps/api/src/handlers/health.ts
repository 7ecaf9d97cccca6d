/** /healthz: this process lives. /readyz: jobs are accepted and placed; whether a deployment takes them now is `/admin/deployments`' to say. /metrics: figures for Prometheus. */
import type { Api } from '../api.ts';
import type { Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';

export const healthz = (): Reply => ok({ status: 'ok' });

export async function readyz(api: Api): Promise<Reply> {
  const missing = api.stopping.aborted
    ? ['this process is stopping']
    : await missingParts(api).catch(() => ['redis: cannot be reached']);
  if (missing.length === 0) return ok({ status: 'ready', missing });
  return { status: 503, headers: { 'retry-after': '1' }, body: { status: 'not_ready', missing } };
}

async function missingParts({ ledger }: Api): Promise<string[]> {
  const led = await ledger.redis.exists(ledger.keys.leader);
  return led === 1 ? [] : ['dispatcher: none leads (start one: npm run dispatcher)'];
}

export const metrics = async ({ registry }: Api): Promise<Reply> => ({
  status: 200,
  headers: { 'content-type': registry.contentType },
  text: await registry.metrics(),
});
