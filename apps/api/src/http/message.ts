/** A request as handlers see it and a reply as they give it: no express here, so that handlers are tested by calling them. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Api } from '../api.ts';

/** Who calls. `pools`: what it may name, null = all. */
export interface Caller {
  id: string;
  pools: readonly string[] | null;
  /** May read, cancel, pause and delete what is any tenant's. */
  everyTenant?: true;
}

/** Whether an object of this tenant exists for a caller. */
export const maySee = (caller: Caller, tenant: string): boolean =>
  caller.everyTenant === true || caller.id === tenant;

export interface ApiRequest {
  /** `req_…`, sent back as `x-request-id`. */
  id: string;
  method: string;
  path: string;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  caller: Caller;
  /** The body as text, and what it parses to; `undefined` where there was none or it is streamed. */
  text: string;
  json: unknown;
  /** The body of a route that streams. */
  stream: Readable;
  /** Aborted when the client goes away or the process stops: what waits or streams then ends. */
  signal: AbortSignal;
  /** When it arrived, Unix ms. */
  now: number;
  /** Headers that its answer has, whatever it is. */
  marks: Record<string, string>;
}

export type Reply = { status: number; headers?: Record<string, string> } & (
  | { body: unknown }
  | { text: string }
  | { stream: AsyncIterable<Buffer | string> }
);

export type Handler = (api: Api, request: ApiRequest) => Promise<Reply> | Reply;

export const ok = (body: unknown): Reply => ({ status: 200, body });
