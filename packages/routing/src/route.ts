/** Which pool serves a request: the first route whose conditions it meets decides; else the pool that it named. */
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import type { Endpoint, Priority, Shape } from '@sluice/job';
import type { Conditions, Range, Route } from './conditions.ts';
import { isWithin } from './local-time.ts';
import { fits } from './pattern.ts';
import { hasImages, hasJsonSchema, hasTools } from './request-features.ts';
import { armFor } from './split.ts';

/** What is known of a request before its pool is chosen. */
export interface RequestFacts {
  endpoint: Endpoint;
  /** As the client named it. */
  model: string;
  /** The pool that this names, itself or by an alias; null when it names none. */
  pool: string | null;
  tenant: string;
  priority: Priority;
  shape: Shape;
  body: Readonly<Record<string, unknown>>;
  /** The job's or batch's; where it has none of a key, that in the body counts. */
  metadata: Readonly<Record<string, string>>;
  /** Requests of the same key go to the same arm of a split. */
  key: string;
}

export interface Routed {
  /** Null: the name is no pool's, and no route takes it. */
  pool: string | null;
  /** The route's name or its place in the list, from 0; null when none took it. */
  route: string | number | null;
  /** The last tier it may use; null = the route says nothing. */
  maxTier: number | null;
  /** The band its jobs get; null = the route says nothing. */
  priority: Priority | null;
  /** For a log line: no value of the request but its model. */
  why: string;
}

/** `now` Unix ms, for times of day. */
export function route(request: RequestFacts, routes: readonly Route[], now: number): Routed {
  const index = routes.findIndex(({ when }) => meets(request, when, now));
  const taken = routes[index];
  if (!taken) return unrouted(request, routes.length);
  const { pool, percent } = armFor(taken, request.key);
  const called = taken.name === null ? `route ${index}` : `route ${taken.name}`;
  const asked = Object.keys(taken.when).join(', ') || 'takes everything';
  const split = taken.arms.length > 1 ? `, the ${percent} % that go there` : '';
  return {
    pool,
    route: taken.name ?? index,
    maxTier: taken.maxTier,
    priority: taken.priority,
    why: `${called} (${asked}) sends ${shown(request.model)} to ${pool}${split}`,
  };
}

function unrouted({ pool, model }: RequestFacts, routes: number): Routed {
  const none = routes === 0 ? 'there are no routes' : 'no route takes it';
  const why =
    pool === null
      ? `${shown(model)} is no pool, and ${none}`
      : `${none}: ${shown(model)} names ${pool}`;
  return { pool, route: null, maxTier: null, priority: null, why };
}

/** A client may call a model anything. */
const shown = (model: string): string => (model.length > 80 ? `${model.slice(0, 79)}…` : model);

/** Whether the request meets all conditions; what is cheap to see is looked at first. */
export function meets(request: RequestFacts, when: Conditions, now: number): boolean {
  return (
    oneOf(when.endpoint, request.endpoint) &&
    oneOf(when.tenant, request.tenant) &&
    oneOf(when.priority, request.priority) &&
    meetsModel(request, when.model) &&
    meetsMetadata(request, when) &&
    within(when.inputTokens, inputTokens(request.shape)) &&
    within(when.outputTokens, request.shape.maxOutput ?? Infinity) &&
    meetsBody(request.body, when) &&
    (when.time === undefined || isWithin(when.time, now))
  );
}

const oneOf = <T>(allowed: readonly T[] | undefined, value: T): boolean =>
  allowed === undefined || allowed.includes(value);

/** A route that does not speak of models takes only names that are known: a mistyped one stays a mistake. */
function meetsModel(
  { model, pool }: RequestFacts,
  patterns: readonly string[] | undefined,
): boolean {
  if (patterns === undefined) return pool !== null;
  return patterns.some((one) => fits(one, model) || (pool !== null && fits(one, pool)));
}

function meetsMetadata(request: RequestFacts, { metadata: wanted, tags }: Conditions): boolean {
  if (tags?.some((tag) => metadataValue(request, tag) === undefined) === true) return false;
  return Object.entries(wanted ?? {}).every(([key, patterns]) => {
    const value = metadataValue(request, key);
    return value !== undefined && patterns.some((pattern) => fits(pattern, value));
  });
}

function metadataValue({ metadata, body }: RequestFacts, key: string): string | undefined {
  if (Object.hasOwn(metadata, key)) return metadata[key];
  const { metadata: inBody } = body;
  if (inBody === null || typeof inBody !== 'object' || !Object.hasOwn(inBody, key))
    return undefined;
  const value = (inBody as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : undefined;
}

const meetsBody = (
  body: RequestFacts['body'],
  { tools, images, jsonSchema }: Conditions,
): boolean =>
  (tools === undefined || hasTools(body) === tools) &&
  (jsonSchema === undefined || hasJsonSchema(body) === jsonSchema) &&
  (images === undefined || hasImages(body) === images);

const within = (range: Range | undefined, value: number): boolean =>
  range === undefined || (value >= (range.min ?? 0) && value <= (range.max ?? Infinity));

const inputTokens = ({ characters }: Shape): number =>
  Math.ceil(characters / USUAL_CHARS_PER_TOKEN);
