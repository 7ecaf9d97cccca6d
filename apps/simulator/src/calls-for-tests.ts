/** For the tests beside: a simulation of one account and calls to it, at a time of the test's choosing. */
import assert from 'node:assert/strict';
import type { Call } from './call.ts';
import { openai } from './formats/openai.ts';
import type { SimulatorOptions } from './options.ts';
import { Simulation } from './simulation.ts';
import type { Step } from './simulation.ts';

export type AccountOptions = SimulatorOptions['accounts'][string];

export function one(
  account: Partial<AccountOptions> = {},
  more: Partial<SimulatorOptions> = {},
): Simulation {
  return new Simulation({ ...more, accounts: { a: { key: 'k', ...account } } }, 0, 0);
}

export function chat(content = 'What is six times seven?', fields: object = {}): string {
  return JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], ...fields });
}

export function call(
  simulation: Simulation,
  text = chat(),
  { now = 0, key = 'k' } = {},
): [Call, Step] {
  const account = simulation.account(key);
  assert.ok(account);
  const taken = simulation.take(account, 'chat', openai, now);
  return [taken, simulation.step(taken, text, now)];
}

/** Calls and, where it is answered after no or some time, answers. */
export function ask(
  simulation: Simulation,
  text = chat(),
  { now = 0, key = 'k' } = {},
): { status: number; body: string } {
  const [taken, step] = call(simulation, text, { now, key });
  if (step.do === 'reply') return step.reply;
  assert.equal(step.do, 'wait');
  return simulation.answer(taken, 'ok', now + (step.do === 'wait' ? step.ms : 0));
}

export const statuses = (
  simulation: Simulation,
  count: number,
  text = chat(),
  at = { now: 0, key: 'k' },
): number[] => Array.from({ length: count }, () => ask(simulation, text, at).status);
