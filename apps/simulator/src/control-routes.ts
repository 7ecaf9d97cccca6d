/** `/_sim/…`, from this machine only: counts, ledger, reset, live changes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody, writeJson } from './http-body.ts';
import { ledgerLines } from './ledger.ts';
import type { Simulation } from './simulation.ts';

export interface ControlContext {
  simulation: Simulation;
  now: () => number;
}

export function isControl(path: string): boolean {
  return path.startsWith('/_sim/');
}

export function control(
  { req, res, path }: { req: IncomingMessage; res: ServerResponse; path: string },
  context: ControlContext,
): void {
  if (!isLoopback(req.socket.remoteAddress)) {
    return refuse(res, 403, ['/_sim answers this machine only']);
  }
  const what = `${req.method} ${path}`;
  if (what === 'GET /_sim/stats') return stats(res, context);
  if (what === 'GET /_sim/ledger') return ledger(res, context);
  if (what === 'POST /_sim/reset') return reset(res, context);
  if (req.method === 'PATCH' && path.startsWith(ACCOUNTS)) {
    return patch({ req, res, id: decoded(path.slice(ACCOUNTS.length)) }, context);
  }
  return refuse(res, 404, [`no ${what}; there are: ${KNOWN.join(', ')}`]);
}

const ACCOUNTS = '/_sim/accounts/';
const KNOWN = [
  'GET /_sim/stats',
  'GET /_sim/ledger',
  'POST /_sim/reset',
  'PATCH /_sim/accounts/{id}',
];

function stats(res: ServerResponse, { simulation, now }: ControlContext): void {
  writeJson(res, 200, { body: JSON.stringify(simulation.stats(now())) });
}

function ledger(res: ServerResponse, { simulation }: ControlContext): void {
  if (!simulation.fleet.options.ledger) return refuse(res, 404, ['the option "ledger" is off']);
  res.writeHead(200, { 'content-type': 'application/jsonl' });
  res.end(ledgerLines(simulation.ledger()));
}

function reset(res: ServerResponse, { simulation, now }: ControlContext): void {
  simulation.reset(now());
  stats(res, { simulation, now });
}

function patch(
  { req, res, id }: { req: IncomingMessage; res: ServerResponse; id: string },
  { simulation, now }: ControlContext,
): void {
  readBody(req, {
    whole: (text) => {
      const updated = simulation.update(id, parsed(text), now());
      if (updated.ok) writeJson(res, 200, { body: JSON.stringify({ updated: id }) });
      else refuse(res, updated.status, updated.mistakes);
    },
    tooLarge: () => refuse(res, 413, ['the patch is too large']),
    broken: () => undefined,
  });
}

function refuse(res: ServerResponse, status: number, mistakes: string[]): void {
  const error = { message: mistakes.join('; '), mistakes };
  writeJson(res, status, { body: JSON.stringify({ error }) });
}

/** undefined where it is not JSON: no patch, so the update refuses it. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function isLoopback(address: string | undefined): boolean {
  const plain = address?.replace('::ffff:', '') ?? '';
  return plain === '::1' || plain.startsWith('127.');
}
