/** An HTTP server on loopback that keeps what it was sent: the receiving side of webhooks, and of whatever else is posted. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface SinkRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** When it had arrived whole, ms. */
  at: number;
}

export interface HttpSink {
  /** `http://127.0.0.1:<port>` */
  url: string;
  port: number;
  /** In order of arrival. */
  requests: SinkRequest[];
  /** Cuts what is still open. */
  stop: () => Promise<void>;
}

/** Answers one request; never called before the body is read. Not ending the response is a hang. */
export type SinkAnswer = (request: SinkRequest, response: ServerResponse) => void;

/** Starts a sink. Without `answer` every request gets 200. `port` and `host` put it beside another one. */
export async function startSink(
  answer: SinkAnswer = (_request, response) => response.end(),
  { host = '127.0.0.1', port = 0 }: { host?: string; port?: number } = {},
): Promise<HttpSink> {
  const requests: SinkRequest[] = [];
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await receive(incoming);
    requests.push(request);
    answer(request, response);
  };
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://${host}:${bound}`, port: bound, requests, stop };
}

async function receive(incoming: IncomingMessage): Promise<SinkRequest> {
  const body = await text(incoming);
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: Object.fromEntries(headers) as Record<string, string>,
    body,
    at: Date.now(),
  };
}
