/** The HTTP edge: express, the table of routes, request ids, keys, bodies, errors. Everything below is free of express. */
import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import type { ServerResponse } from 'node:http';
import { connected } from '@sluice/ledger';
import type { Api } from '../api.ts';
import type { Keyring } from '../access/keyring.ts';
import { ApiError, envelope, refuse } from '../errors.ts';
import { hasKey } from '../idempotency.ts';
import { ROUTES } from '../routes.ts';
import type { Route } from '../routes.ts';
import { answerHeaders } from './answer-headers.ts';
import type { ApiRequest, Reply } from './message.ts';
import { DRAIN_MS, drain } from './drain.ts';
import { readBody } from './request-body.ts';
import { GatheredRefusals } from './gathered-refusals.ts';
import { BODY_LIMIT } from '../size-limits.ts';
import { storeError } from './redis-errors.ts';
import { READS, changes, stakeAt } from './stake.ts';
import type { Stake } from './stake.ts';
import { writeReply } from './write-reply.ts';

export interface Edge {
  api: Api;
  keyring: Keyring;
  /** Mounted at /admin/queues, behind the admin's key. */
  board: RequestHandler;
  boardPath: string;
}

/** The board's pages need their own scripts and styles, and send nothing anywhere else. */
const BOARD_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'";

export function makeServer({ api, keyring, board, boardPath }: Edge): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', false);
  app.use(prepare);
  const readBytes = express.raw({ type: () => true, limit: api.settings.server.maxBodyBytes });
  const tools = { api, keyring, readBytes, waiting: abortedWith(api.stopping) };
  for (const route of ROUTES) app[route.method](route.path, answer(tools, route));
  app.use(
    boardPath,
    (request, response, next) => {
      keyring.adminOf(request.headers, boardPath);
      response.setHeader('content-security-policy', BOARD_POLICY);
      next();
    },
    board,
  );
  for (const [path, methods] of methodsByPath()) app.all(path, otherMethods(methods));
  app.use((request) => {
    const { method, path } = request;
    refuse('unknown_url', { values: { method, path, hint: hintFor(path) } });
  });
  app.use(answerError(api));
  return app;
}

/** Clients of OpenAI's API are given a base URL with /v1 at its end. */
const hintFor = (path: string): string =>
  ROUTES.some((route) => route.path === `/v1${path}`)
    ? ` There is /v1${path}: a client’s base URL ends with /v1.`
    : '';

const MOST_FOLLOWERS = 20;

const prepare: RequestHandler = (_request, response, next) => {
  // Of its end all hear who follow it: node takes more than ten of them for a leak.
  response.setMaxListeners(MOST_FOLLOWERS);
  for (const [name, value] of Object.entries(answerHeaders())) response.setHeader(name, value);
  next();
};

const idOf = (response: Response): string => String(response.getHeader('x-request-id'));

interface Tools {
  api: Api;
  keyring: Keyring;
  readBytes: RequestHandler;
  /** Requests that are being answered. */
  waiting: Set<AbortController>;
}

function answer(tools: Tools, route: Route): RequestHandler {
  const { api, keyring, readBytes } = tools;
  return async (request, response) => {
    const began = performance.now();
    response.once('close', () => measureAnswer(api, { route, response, began }));
    const caller = callerOf(keyring, route, request);
    if (api.stopping.aborted && route.access !== 'open') refuse('stopping');
    if (changes(route)) await beSureOfLedger(api);
    const body = await readBody(route, { request, response, readBytes });
    const message: ApiRequest = {
      id: idOf(response),
      method: request.method,
      path: request.path,
      params: request.params as Record<string, string>,
      query: queryOf(request.url),
      headers: request.headers,
      caller,
      ...body,
      stream: request,
      signal: leavingSignal(tools, response),
      now: api.clock.now(),
      marks: {},
    };
    const reply = await route.handler(api, message);
    if (response.destroyed || response.writableEnded) return giveBack(reply);
    for (const [name, value] of Object.entries(message.marks)) response.setHeader(name, value);
    await writeReply(response, reply, { head: request.method === 'HEAD' }).catch(
      (error: unknown) => {
        if (!response.headersSent) throw error;
        api.events.answerCut({ request: message.id, route: route.path, error });
        response.destroy();
      },
    );
  };
}

/** A reply that nobody takes: what its stream holds open. */
async function giveBack(reply: Reply): Promise<void> {
  if ('stream' in reply) await reply.stream[Symbol.asyncIterator]().return?.();
}

const CONNECTED_MS = 1_000;

/** What is asked of a connection that is not there is sent when it comes back, also where nobody wants it any more. */
async function beSureOfLedger({ ledger }: Api): Promise<void> {
  if (!(await connected(ledger.redis, CONNECTED_MS))) refuse('ledger_unavailable');
}

const NOBODY = { id: '', pools: [] };

function callerOf(keyring: Keyring, { access, creates }: Route, request: Request) {
  if (access === 'tenant') return keyring.tenantOf(request.headers, creates === true);
  return access === 'admin' ? keyring.adminOf(request.headers, request.path) : NOBODY;
}

const queryOf = (url: string): URLSearchParams => {
  const at = url.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
};

/** Aborts when the client leaves before its answer, and when the process stops: whatever waits or streams then ends. */
function leavingSignal({ api: { stopping }, waiting }: Tools, response: Response): AbortSignal {
  const leaving = new AbortController();
  waiting.add(leaving);
  response.once('close', () => {
    waiting.delete(leaving);
    if (!response.writableFinished) leaving.abort();
  });
  // It may have come to this while the body was read.
  if (stopping.aborted || response.destroyed) leaving.abort();
  return leaving.signal;
}

/** One listener on the process's end for all requests, however many wait. */
function abortedWith(stopping: AbortSignal): Set<AbortController> {
  const waiting = new Set<AbortController>();
  stopping.addEventListener('abort', () => {
    for (const one of waiting) one.abort();
  });
  return waiting;
}

function methodsByPath(): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  for (const { path, method } of ROUTES) {
    const methods = method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];
    paths.set(path, [...(paths.get(path) ?? []), ...methods]);
  }
  return paths;
}

const otherMethods =
  (methods: readonly string[]): RequestHandler =>
  (request, response) => {
    const allowed = [...methods, 'OPTIONS'].join(', ');
    if (request.method === 'OPTIONS') {
      response.status(204).setHeader('allow', allowed).end();
      return;
    }
    const { method, path } = request;
    refuse('method_not_allowed', {
      values: { method, path, allowed },
      headers: { allow: allowed },
    });
  };

function stakeOf(request: Request): Stake {
  const method = request.method.toLowerCase();
  const at = (request.route as { path?: string } | undefined)?.path;
  const route = ROUTES.find((one) => one.path === at && one.method === method);
  return route ? stakeAt(route, { path: request.path, hasKey: hasKey(request) }) : READS;
}

function answerError(api: Api): ErrorRequestHandler {
  const away = new GatheredRefusals((fields) => api.events.storeAway(fields));
  return (thrown: unknown, request, response, next) => {
    // It had its answer while its body was read.
    if (response.writableEnded) return undefined;
    const error = asApiError(thrown, stakeOf(request), api);
    const { method, path: route } = request;
    const where = { request: idOf(response), method, route };
    if (error.code === 'internal_error') api.events.failed({ ...where, error: thrown });
    const cause = thrown instanceof ApiError ? thrown.cause : thrown;
    if (cause instanceof Error && error.status === 503)
      away.note({ ...where, error: String(cause) });
    if (response.headersSent) return next(thrown);
    const drained = drain(request, response, DRAIN_MS);
    const reply = { status: error.status, headers: error.headers, body: envelope(error) };
    return writeReply(response, reply, { head: request.method === 'HEAD', drained });
  };
}

/** Answers a request whose body has stalled, and closes its connection: what would still come can be no next request. */
export function answerStalled(response: ServerResponse, allowed: number): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = new ApiError('body_stalled', { values: { allowed } });
  response.setHeader('connection', 'close');
  // Whoever reads the body hears of its end by this alone: a request that is answered hears nothing of its connection.
  response.once('finish', () => response.req.destroy());
  void writeReply(response, { status: error.status, body: envelope(error) }, { head: false });
}

function asApiError(thrown: unknown, stake: Stake, api: Api): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const { type, status } = thrown as { type?: string; status?: number };
  if (type === 'entity.too.large') {
    const allowed = api.settings.server.maxBodyBytes;
    const values = { field: 'body', allowed, limit: BODY_LIMIT };
    return new ApiError('too_large', { param: 'body', values });
  }
  if (type === 'encoding.unsupported') {
    const values = { found: 'this content-encoding', allowed: 'gzip, deflate, br, identity' };
    return new ApiError('unsupported_media_type', { values });
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return unreadable(thrown);
  }
  return storeError(thrown, stake) ?? new ApiError('internal_error');
}

/** What express or its readers of bodies could not read. */
function unreadable(thrown: unknown): ApiError {
  if (thrown instanceof URIError) {
    const values = {
      field: 'path',
      found: 'a `%` that encodes nothing',
      allowed: 'UTF-8 in percent-encoding',
    };
    return new ApiError('invalid_value', { param: 'path', values });
  }
  const { type, code = '' } = thrown as { type?: string; code?: string };
  const packed = type === undefined && /^(Z|ERR)_/.test(code);
  const reason = packed
    ? 'it cannot be decompressed as its `content-encoding` says'
    : `it is malformed (${type ?? 'no more is known'})`;
  return new ApiError('unreadable_body', { values: { reason } });
}

function measureAnswer(
  api: Api,
  { route, response, began }: { route: Route; response: Response; began: number },
): void {
  const ms = performance.now() - began;
  const { statusCode: status, req } = response;
  api.metrics.requestSeconds.observe({ method: req.method, route: route.path, status }, ms / 1000);
  api.events.answered({
    request: idOf(response),
    method: req.method,
    route: route.path,
    status,
    ms,
  });
}
