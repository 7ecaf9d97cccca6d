/** Which path is which endpoint, in which wire format; and whose key a request carries. */
import type { IncomingHttpHeaders } from 'node:http';
import { anthropic } from './formats/anthropic.ts';
import { openai } from './formats/openai.ts';
import type { WireFormat } from './formats/wire-format.ts';
import type { Endpoint } from './model-request.ts';

export interface Route {
  endpoint: Endpoint;
  format: WireFormat;
}

const POSTS: ReadonlyMap<string, Route> = new Map([
  ['/v1/chat/completions', { endpoint: 'chat', format: openai }],
  ['/v1/responses', { endpoint: 'responses', format: openai }],
  ['/v1/completions', { endpoint: 'completions', format: openai }],
  ['/v1/embeddings', { endpoint: 'embeddings', format: openai }],
  ['/v1/moderations', { endpoint: 'moderations', format: openai }],
  ['/v1/messages', { endpoint: 'messages', format: anthropic }],
]);

export function routeOf(method: string | undefined, path: string): Route | undefined {
  return method === 'POST' ? POSTS.get(path) : undefined;
}

/** Both vendors claim `/v1/models`; only Anthropic's clients send a version. */
export function formatByHeaders(headers: IncomingHttpHeaders): WireFormat {
  return headers['anthropic-version'] === undefined ? openai : anthropic;
}

export function speaks(accountFormat: 'openai' | 'anthropic' | 'any', format: WireFormat): boolean {
  if (accountFormat === 'any') return true;
  return accountFormat === (format === openai ? 'openai' : 'anthropic');
}

/** `Authorization: Bearer KEY` or `x-api-key: KEY`, on every path. */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-api-key'];
  if (typeof own === 'string') return own;
  const authorization = headers.authorization;
  if (authorization === undefined || !/^bearer /i.test(authorization)) return undefined;
  return authorization.slice('bearer '.length).trim();
}

export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
