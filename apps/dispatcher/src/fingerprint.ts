/** What a deployment is called with, as a short hash: tells whether a refusal was of what the config says now. */
import { createHash } from 'node:crypto';
import type { Deployment } from '@sluice/job';

/** Holds no secret: a key cannot be found from it. */
export function fingerprintOf({ provider, model, headers, params, query }: Deployment): string {
  const { type, baseUrl, apiKey, headers: sent } = provider;
  const called = [type, baseUrl, apiKey, sent, model, headers, params, query];
  return createHash('sha256').update(JSON.stringify(called)).digest('hex').slice(0, 16);
}
