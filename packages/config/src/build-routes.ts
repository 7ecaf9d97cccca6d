/** The routes of a checked config file as the routing policy reads them. */
import type { Arm, Conditions, Route } from '@sluice/routing';
import { withoutUndefined } from './build-fleet.ts';
import type { ConfigFile } from './schema/file.ts';

export type RouteEntry = ConfigFile['routes'][number];

export const buildRoutes = (entries: readonly RouteEntry[]): Route[] =>
  entries.map((entry) => ({
    name: entry.name ?? null,
    when: buildConditions(entry.when),
    arms: armsOf(entry.pool),
    maxTier: entry.max_tier ?? null,
    priority: entry.priority ?? null,
  }));

export const armsOf = (pool: RouteEntry['pool']): Arm[] =>
  typeof pool === 'string'
    ? [{ pool, percent: 100 }]
    : Object.entries(pool).map(([id, percent]) => ({ pool: id, percent }));

export function buildConditions(when: RouteEntry['when']): Conditions {
  const { input_tokens: inputTokens, output_tokens: outputTokens, json_schema: jsonSchema } = when;
  const { endpoint, model, tenant, priority, metadata, tags, tools, images, time } = when;
  const all: { [K in keyof Conditions]: Conditions[K] | undefined } = {
    endpoint: list(endpoint),
    model: list(model),
    tenant: list(tenant),
    priority: list(priority),
    inputTokens: inputTokens && withoutUndefined(inputTokens),
    outputTokens: outputTokens && withoutUndefined(outputTokens),
    tools,
    images,
    jsonSchema,
    metadata: metadata && patternsByKey(metadata),
    tags: list(tags),
    time,
  };
  return withoutUndefined(all);
}

const patternsByKey = (metadata: Record<string, string | string[]>): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, Array.isArray(value) ? value : [value]]),
  );

const list = <T extends string>(value: T | T[] | undefined): T[] | undefined =>
  value === undefined || Array.isArray(value) ? value : [value];
