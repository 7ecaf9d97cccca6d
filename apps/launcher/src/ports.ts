/** TCP ports of this machine. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Listens for a moment: the port that was given, or why not (`EADDRINUSE`, `EACCES`, …). Port 0 = any free one. */
function tryPort(
  host: string,
  port: number,
): Promise<{ kind: 'free'; port: number } | { kind: 'refused'; code: string }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: 'refused', code: error.code ?? error.message }),
    );
    server.listen(port, host, () => {
      const given = (server.address() as AddressInfo).port;
      server.close(() => resolve({ kind: 'free', port: given }));
    });
  });
}

/** Any free port on loopback. Throws where the machine has none. */
export async function freePort(): Promise<number> {
  const tried = await tryPort('127.0.0.1', 0);
  if (tried.kind === 'free') return tried.port;
  throw new Error(`no free port on 127.0.0.1: ${tried.code}`);
}

/** Why the API cannot listen there, with the way out; null = it can. */
export async function refusePort(host: string, port: number): Promise<string | null> {
  const tried = await tryPort(host, port);
  if (tried.kind === 'free') return null;
  const other = port < 65_535 ? port + 1 : port - 1;
  if (tried.code === 'EADDRINUSE')
    return `Port ${port} is taken. Try another: PORT=${other} npm start`;
  if (tried.code === 'EACCES')
    return `Port ${port} needs more rights. Try another: PORT=8080 npm start`;
  return `Cannot listen on ${host}:${port}: ${tried.code}. HOST must be an address of this machine.`;
}
