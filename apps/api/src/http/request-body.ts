/** The body of a request: JSON where the route takes it, untouched where the route streams. */
import type { Request, RequestHandler, Response } from 'express';
import { refuse } from '../errors.ts';
import type { Route } from '../routes.ts';
import { readJson } from './read-json.ts';

/** Media types whose body is a batch itself. */
export const isJsonLines = (contentType: string | undefined): boolean =>
  /^application\/(jsonl|x-ndjson|x-jsonl)\b/i.test(contentType ?? '');

export interface Incoming {
  request: Request;
  response: Response;
  readBytes: RequestHandler;
}

const NO_BODY = { text: '', json: undefined };

/** Parses a JSON body; what streams is left alone. */
export async function readBody(
  { takes }: Route,
  { request, response, readBytes }: Incoming,
): Promise<{ text: string; json: unknown }> {
  const type = request.headers['content-type'];
  if (takes === undefined || takes === 'form') return NO_BODY;
  if (takes === 'json_or_lines' && isJsonLines(type)) return NO_BODY;
  await new Promise<void>((resolve, reject) => {
    void readBytes(request, response, (error?: unknown) => (error ? reject(error) : resolve()));
  });
  const bytes: unknown = request.body;
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) return NO_BODY;
  // A page of another site can send any other type without asking first.
  if (!/^application\/([\w.-]+\+)?json\b/i.test(type ?? '')) {
    const allowed = takes === 'json' ? 'application/json' : 'application/json, application/jsonl';
    refuse('unsupported_media_type', { values: { found: JSON.stringify(type ?? ''), allowed } });
  }
  return readJson(bytes);
}
