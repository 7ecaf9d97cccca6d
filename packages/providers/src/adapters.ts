/** The wire formats there are, and whether a deployment can serve a job in its format. */
import type { Deployment, Endpoint } from '@sluice/job';
import type { Adapter, Body } from './adapter.ts';
import { anthropic } from './anthropic/adapter.ts';
import { openai } from './openai/adapter.ts';

export const ADAPTERS: Readonly<Record<string, Adapter>> = { openai, anthropic };

/** The adapter for `providers.<id>.type`; undefined for a type there is none for. */
export function adapterFor(type: string): Adapter | undefined {
  return Object.hasOwn(ADAPTERS, type) ? ADAPTERS[type] : undefined;
}

/**
 * Why this deployment may not run this body: the parameters its format cannot say and `drop_params` does not allow
 * to leave out. Empty = it may. A missing endpoint or an untranslatable conversation is never dropped.
 */
export function unsayableBy(deployment: Deployment, endpoint: Endpoint, body: Body): string[] {
  const adapter = adapterFor(deployment.provider.type);
  if (!adapter) return ['endpoint'];
  const never = new Set(['endpoint', 'messages', 'stream']);
  return adapter
    .cannotSay(endpoint, body)
    .filter((name) => never.has(name) || !deployment.dropParams.includes(name));
}
