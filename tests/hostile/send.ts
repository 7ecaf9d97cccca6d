/** Sends a request as its bytes, since a well-behaved client would refuse to, and reads what comes back. */
import { connect } from 'node:net';
import type { HostileCase } from './cases.ts';

export interface HostileAnswer {
  /** 0: none came. */
  status: number;
  headers: Map<string, string>;
  body: string;
  tookMs: number;
  /** The time ran out before the answer ended. */
  hung: boolean;
}

const lines = ({ method, target, headers, body }: HostileCase): string => {
  const names = new Set(headers.map(([name]) => name));
  const own = [
    ...(names.has('host') ? [] : ['host: 127.0.0.1']),
    'connection: close',
    ...(names.has('content-length') || names.has('transfer-encoding') || method === 'GET'
      ? []
      : [`content-length: ${body.length}`]),
  ];
  const given = headers.map(([name, value]) => `${name}: ${value}`);
  return `${method} ${target} HTTP/1.1\r\n${[...own, ...given].join('\r\n')}\r\n\r\n`;
};

/** Resolves when the server closes the connection, or after `timeoutMs`. */
export function send(port: number, one: HostileCase, timeoutMs: number): Promise<HostileAnswer> {
  return new Promise((resolve) => {
    const began = performance.now();
    const chunks: Buffer[] = [];
    let hung = false;
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(timeoutMs, () => {
      hung = true;
      socket.destroy();
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      const tookMs = performance.now() - began;
      resolve({ ...parse(Buffer.concat(chunks).toString('utf8')), tookMs, hung });
    });
    socket.write(lines(one), 'latin1');
    if (one.cutAt === null) socket.write(one.body);
    else socket.write(one.body.subarray(0, one.cutAt), () => socket.destroy());
  });
}

function parse(text: string): Pick<HostileAnswer, 'status' | 'headers' | 'body'> {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...rest] = text.slice(0, Math.max(0, end)).split('\r\n');
  const headers = new Map(
    rest.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
    }),
  );
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0);
  return { status, headers, body: end < 0 ? '' : text.slice(end + 4) };
}
