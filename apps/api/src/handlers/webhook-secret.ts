/** GET /v1/webhook_secret: what `webhook_url` deliveries are signed with, so that receivers can verify them. */
import type { Api } from '../api.ts';
import type { Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';

/** Null until a dispatcher has made one, where the config names none. */
export async function webhookSecret({ settings, ledger }: Api): Promise<Reply> {
  const secret = settings.webhooks.secret ?? (await ledger.redis.get(ledger.keys.webhookSecret));
  return ok({ object: 'webhook_secret', secret });
}
