/** For the tests beside: simulators of one account on a port of their own, and calls over real HTTP. */
import type { SimulatorOptions } from './options.ts';
import { startSimulator } from './simulator.ts';
import type { Simulator } from './simulator.ts';

type AccountOptions = SimulatorOptions['accounts'][string];

const started = new Set<Simulator>();

/** A simulator of the account `a` with the key `k`; `closeAll()` ends it. */
export async function start(account: Partial<AccountOptions> = {}, more = {}): Promise<Simulator> {
  const simulator = await startSimulator({ ...more, accounts: { a: { key: 'k', ...account } } });
  started.add(simulator);
  return simulator;
}

export async function closeAll(): Promise<void> {
  await Promise.all([...started].map((simulator) => simulator.close()));
  started.clear();
}

export const MESSAGES = [{ role: 'user' as const, content: 'Why is the sky blue?' }];

export function chat(simulator: Simulator, init: RequestInit = {}): Promise<Response> {
  return fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer k' },
    body: JSON.stringify({ model: 'm', messages: MESSAGES }),
    ...init,
  });
}

export const json = async (response: Response) => JSON.parse(await response.text());
