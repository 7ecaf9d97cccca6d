/** A batch file: JSONL, a request per line as `/v1/batches` takes them. */
import { lookupModel } from '@sluice/config';
import { ENDPOINTS, measure } from '@sluice/job';
import type { Deployment, Endpoint, Fleet, Shape } from '@sluice/job';
import { formatBit, formatsOf } from '@sluice/providers';
import { mistake, shown } from './mistake.ts';
import { linesOf } from './read-file.ts';

export interface BatchRequest {
  pool: string;
  shape: Shape;
  /** Deployments whose wire format can say it; null = all of the pool. */
  eligible: ReadonlySet<string> | null;
}

type Body = Record<string, unknown>;

/** In the order of the file; at most `limit`. `pool` overrides what the lines name. Throws InputMistake. */
export async function readBatch(
  path: string,
  { fleet, pool, limit }: { fleet: Fleet; pool: string | null; limit: number },
): Promise<BatchRequest[]> {
  const requests: BatchRequest[] = [];
  for await (const { text, line } of linesOf(path)) {
    if (requests.length >= limit) break;
    if (text.trim() === '') continue;
    requests.push(requestIn(text, { fleet, pool, where: `${path} line ${line}` }));
  }
  if (requests.length === 0) throw mistake(path, 'no requests', 'a request per line');
  return requests;
}

interface Around {
  fleet: Fleet;
  pool: string | null;
  where: string;
}

function requestIn(text: string, { fleet, pool, where }: Around): BatchRequest {
  const { url, body } = objectIn(text, where);
  const endpoint = ENDPOINTS.find((each) => each === url);
  if (endpoint === undefined) throw mistake(`${where} field url`, shown(url), ENDPOINTS.join(', '));
  if (!isObject(body)) throw mistake(`${where} field body`, shown(body), 'an object');
  const found = pool ?? poolOf(fleet, body['model'], where);
  const members = membersOf(fleet, found);
  return {
    pool: found,
    shape: measure(endpoint, body),
    eligible: able(members, { endpoint, body, where }),
  };
}

function objectIn(text: string, where: string): Body {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below, without quoting the prompt.
  }
  throw mistake(where, 'something else', 'a JSON object with custom_id, method, url and body');
}

function poolOf(fleet: Fleet, model: unknown, where: string): string {
  const lookup = typeof model === 'string' ? lookupModel(fleet, model) : null;
  if (lookup?.kind === 'pool' || lookup?.kind === 'alias') return lookup.pool.id;
  if (lookup?.kind === 'deployment') return `deployment/${lookup.deployment.id}`;
  const known = lookup?.known ?? [...fleet.pools.keys()];
  throw mistake(`${where} field body.model`, shown(model), `one of ${known.join(', ')}`);
}

/** The deployments of a pool, or the one that `deployment/<id>` names. */
export const membersOf = (fleet: Fleet, pool: string): Deployment[] => {
  const ids = fleet.pools.get(pool)?.tiers.flat() ?? [pool.slice('deployment/'.length)];
  return ids.flatMap((id) => fleet.deployments.get(id) ?? []);
};

function able(
  members: readonly Deployment[],
  { endpoint, body, where }: { endpoint: Endpoint; body: Body; where: string },
): ReadonlySet<string> | null {
  const { mask, unsayable } = formatsOf(members, endpoint, body);
  if (mask === 0)
    throw mistake(
      `${where} field body`,
      unsayable.join(', '),
      'what some deployment of the pool can say',
    );
  const can = members.filter(({ provider }) => (formatBit(provider.type) & mask) !== 0);
  return can.length === members.length ? null : new Set(can.map(({ id }) => id));
}

const isObject = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
