import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rulesFor } from './begin-batch.ts';
import { fleetOf } from './example-fleet.ts';
import type { StepPorts } from './step-ports.ts';

const trial = (settings: string): string => `
deployments:
  mini: { provider: p, model: m }
  other: { provider: c, model: m }
pools: { fast: { strategy: { name: split${settings} }, tiers: [[mini, other]] } }
`;
const CLAUDE = 'c: { type: anthropic, base_url: "http://127.0.0.1:9", api_key: k }';

const formatsIn = (settings: string): number => {
  const fleet = fleetOf(trial(settings), CLAUDE);
  const ports = { fleet, routes: [], poolsOf: () => null } as unknown as StepPorts;
  const asked = {
    tenant: 'a',
    priority: 'low' as const,
    metadata: {},
    createdAt: 0,
    maxTier: null,
  };
  const body = { messages: [{ role: 'user', content: 'hi' }], logprobs: true };
  return rulesFor(ports, asked).formatsFor('fast', '/v1/chat/completions', body);
};

const arms = (percent: number): string => `, arms: { mini: ${percent}, other: ${100 - percent} }`;

test('a line that only an arm of 0 % can say is refused where lines are kept to arms: it would wait for ever', () => {
  assert.equal(formatsIn(`${arms(0)}, strict: true`), 0);
  assert.notEqual(formatsIn(`${arms(1)}, strict: true`), 0);
  assert.notEqual(formatsIn(arms(0)), 0, 'it spills there');
});
