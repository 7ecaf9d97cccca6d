/** A batch file: JSONL, a request per line as `/v1/batches` takes them. */
import { jsonLine } from '@sluice/files';
import { ENDPOINTS, measure, membersOf } from '@sluice/job';
import type { Deployment, Endpoint, Fleet, Shape } from '@sluice/job';
import { formatBit, formatsOf } from '@sluice/providers';
import type { Installed } from './build-scenario.ts';
import { InputMistake, mistake, shown } from './mistake.ts';
import { linesOf } from './read-file.ts';
import { whereTo } from './where-to.ts';
import type { Sender } from './where-to.ts';

export interface BatchRequest {
  pool: string;
  shape: Shape;
  /** Deployments whose wire format can say it; null = all of the pool. */
  eligible: ReadonlySet<string> | null;
}

type Body = Record<string, unknown>;

interface Reading {
  path: string;
  /** Instead of what the lines name. */
  pool: string | null;
  limit: number;
  sender: Sender;
  /** When they come, ms. */
  at: number;
}

/** In the order of the file; at most `limit`. Throws InputMistake. */
export async function readBatch(installed: Installed, reading: Reading): Promise<BatchRequest[]> {
  const { path, limit } = reading;
  const requests: BatchRequest[] = [];
  const lineOf = new Map<string, number>();
  for await (const { text, line } of linesOf(path)) {
    if (requests.length >= limit) break;
    if (text.trim() === '') continue;
    const around = { installed, ...reading, where: `${path} line ${line}` };
    const request = objectIn(text, around.where);
    checkName(request['custom_id'], { lineOf, line, where: around.where });
    requests.push(requestIn(request, around));
  }
  if (requests.length === 0) throw mistake(path, 'no requests', 'a request per line');
  return requests;
}

interface Around extends Reading {
  installed: Installed;
  where: string;
}

/** As the API asks of a batch. */
function checkName(
  name: unknown,
  { lineOf, line, where }: { lineOf: Map<string, number>; line: number; where: string },
): void {
  const place = `${where} field custom_id`;
  if (typeof name !== 'string' || name === '') throw mistake(place, shown(name), 'a text');
  const before = lineOf.get(name);
  if (before !== undefined)
    throw mistake(place, `${shown(name)}, which line ${before} has`, 'a text of its own');
  lineOf.set(name, line);
}

const MAXIMA = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'] as const;

function checkMaxima(body: Body, where: string): void {
  for (const field of MAXIMA) {
    const value = body[field];
    if (value === undefined || value === null) continue;
    if (!Number.isInteger(value) || (value as number) < 1)
      throw mistake(`${where} field body.${field}`, shown(value), 'a whole number from 1');
  }
}

function requestIn({ custom_id: name, url, body }: Body, around: Around): BatchRequest {
  const { installed, where } = around;
  const endpoint = ENDPOINTS.find((each) => each === url);
  if (endpoint === undefined) throw mistake(`${where} field url`, shown(url), ENDPOINTS.join(', '));
  if (!isObject(body)) throw mistake(`${where} field body`, shown(body), 'an object');
  checkMaxima(body, where);
  const shape = measure(endpoint, body);
  const found = poolOf({ id: name as string, endpoint, body, shape }, around);
  const members = membersIn(installed.fleet, found);
  return {
    pool: found,
    shape,
    eligible: able(members, { endpoint, body, where }),
  };
}

function objectIn(text: string, where: string): Body {
  const found = jsonLine(text);
  if (found.kind === 'object') return found.value;
  throw new InputMistake(`${where}: ${found.says}`);
}

function poolOf(
  request: { id: string; endpoint: Endpoint; body: Body; shape: Shape },
  { installed, path, pool, sender, at, where }: Around,
): string {
  const model = pool ?? request.body['model'];
  const place = pool === null ? `${where} field body.model` : `--workload ${path}: pool`;
  if (typeof model !== 'string') throw mistake(place, shown(model), 'the name of a pool');
  return whereTo(installed, { ...request, ...sender, model }, { at, where: place }).pool;
}

/** The deployments of a pool, or the one that `deployment/<id>` names. */
export const membersIn = (fleet: Fleet, pool: string): Deployment[] =>
  (membersOf(fleet, pool) ?? []).flatMap((id) => fleet.deployments.get(id) ?? []);

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
