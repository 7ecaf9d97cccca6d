/**
 * The simulation behind node:http: measures time, waits, writes, and notices clients that give up. An answer that
 * takes no time is written in the turn in which the request's last byte arrived.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Call } from './call.ts';
import { control, isControl } from './control-routes.ts';
import { ANY_MODEL } from './fleet.ts';
import type { Account } from './fleet.ts';
import type { Failure, RawHeaders, Reply, WireFormat } from './formats/wire-format.ts';
import { readBody, writeHalf, writeJson } from './http-body.ts';
import { formatByHeaders, keyOf, pathOf, routeOf, speaks } from './routes.ts';
import type { Route } from './routes.ts';
import type { Simulation, Step } from './simulation.ts';

/** Longer than any client keeps an idle connection: the client closes first, so none meets a closing one. */
const KEEP_ALIVE_MS = 120_000;

export interface ProviderContext {
  simulation: Simulation;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
}

interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  path: string;
}

export function createProviderServer(context: ProviderContext): Server {
  const options = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, noDelay: true };
  return createServer(options, (req, res) => {
    const exchange = { req, res, path: pathOf(req.url ?? '/') };
    if (isControl(exchange.path)) control(exchange, context);
    else answerRequest(exchange, context);
  });
}

function answerRequest(exchange: Exchange, context: ProviderContext): void {
  const { req, path } = exchange;
  if (req.method === 'GET' && path === '/healthz') {
    return writeJson(exchange.res, 200, { body: '{"status":"ok"}' });
  }
  const route = routeOf(req.method, path);
  const format = route?.format ?? formatByHeaders(req.headers);
  const account = context.simulation.account(keyOf(req.headers));
  if (account === undefined) return refuse(exchange, format, { kind: 'unknown_key' });
  if (!speaks(account.settings.format, format)) return unknownUrl(exchange, format);
  if (route !== undefined) return takeCall(exchange, { route, account }, context);
  return models(exchange, format, account);
}

/** `GET /v1/models` and `/v1/models/{id}`; an account without a list has every model and lists none. */
function models(exchange: Exchange, format: WireFormat, account: Account): void {
  const { req, res, path } = exchange;
  const isModels = path === '/v1/models' || path.startsWith('/v1/models/');
  if (req.method !== 'GET' || !isModels) return unknownUrl(exchange, format);
  const known = [...account.lanes.keys()].filter((model) => model !== ANY_MODEL);
  if (path === '/v1/models') return writeJson(res, 200, { body: format.modelList(known) });
  const model = path.slice('/v1/models/'.length);
  if (known.length > 0 && !known.includes(model)) {
    return refuse(exchange, format, { kind: 'model_gone', model });
  }
  return writeJson(res, 200, { body: format.model(model) });
}

function takeCall(
  exchange: Exchange,
  { route, account }: { route: Route; account: Account },
  context: ProviderContext,
): void {
  const { simulation, now } = context;
  const { req, res } = exchange;
  const call = simulation.take(account, route.endpoint, route.format, now());
  if (call.entry) call.entry.caller = req.headers['user-agent'] ?? null;
  if (simulation.isOut(call, now()))
    return follow(res, call, simulation.drop(call, now()), context);
  if (route.endpoint === 'messages' && req.headers['anthropic-version'] === undefined) {
    return finish(res, call, simulation.fail(call, VERSION_MISSING, now()));
  }
  readBody(req, {
    whole: (text) => follow(res, call, simulation.step(call, text, now()), context),
    tooLarge: () => {
      finish(res, call, simulation.fail(call, { kind: 'too_large' }, now()));
      res.once('finish', () => req.destroy());
    },
    broken: () => simulation.abort(call, now()),
  });
}

const VERSION_MISSING: Failure = {
  kind: 'bad_request',
  message: 'anthropic-version: header is required',
  param: 'anthropic-version',
};

function follow(res: ServerResponse, call: Call, step: Step, context: ProviderContext): void {
  switch (step.do) {
    case 'reply':
      return finish(res, call, step.reply);
    case 'drop':
      res.socket?.destroy();
      return;
    case 'hang':
      return hang(res, call, context);
    case 'wait':
      if (step.ms > 0) return later(res, { call, step }, context);
      return deliver(res, call, step.how, context);
  }
}

function deliver(
  res: ServerResponse,
  call: Call,
  how: 'answer' | 'cut',
  { simulation, now }: ProviderContext,
): void {
  const reply = simulation.answer(call, how === 'cut' ? 'dropped' : 'ok', now());
  if (how === 'answer') return finish(res, call, reply);
  return writeHalf(res, { body: reply.body, headers: withRequestId(call, reply.headers) });
}

/** A cut comes in the middle of the answer's time. One timer per call: node keeps equal durations in one list. */
function later(
  res: ServerResponse,
  { call, step }: { call: Call; step: Extract<Step, { do: 'wait' }> },
  context: ProviderContext,
): void {
  const ms = step.how === 'cut' ? step.ms / 2 : step.ms;
  const gone = (): void => {
    clearTimeout(timer);
    context.simulation.abort(call, context.now());
  };
  const timer = setTimeout(() => {
    res.removeListener('close', gone);
    deliver(res, call, step.how, context);
  }, ms);
  res.once('close', gone);
}

function hang(res: ServerResponse, call: Call, { simulation, now }: ProviderContext): void {
  res.once('close', () => simulation.abort(call, now()));
}

function finish(res: ServerResponse, call: Call, reply: Reply): void {
  writeJson(res, reply.status, { body: reply.body, headers: withRequestId(call, reply.headers) });
}

function withRequestId(call: Call, headers: RawHeaders): RawHeaders {
  return [call.format.requestIdHeader, `req_sim${call.serial}`, ...headers];
}

function unknownUrl(exchange: Exchange, format: WireFormat): void {
  const { req, path } = exchange;
  refuse(exchange, format, { kind: 'unknown_url', method: req.method ?? 'GET', path });
}

/** A refusal of what is no call of any account. The body, if any, is read and dropped by node. */
function refuse({ res }: Exchange, format: WireFormat, failure: Failure): void {
  const reply = format.fail(failure, 0);
  writeJson(res, reply.status, { body: reply.body, headers: reply.headers });
}
