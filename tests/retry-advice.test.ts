// The wait that a modelled provider asks for is the one that a worker reads of the HTTP simulator's answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anthropicFailure } from '../apps/simulator/src/formats/anthropic-errors.ts';
import { openaiFailure } from '../apps/simulator/src/formats/openai-errors.ts';
import type { RawHeaders, RateLimited } from '../apps/simulator/src/formats/wire-format.ts';
import { readRetryAfter } from '../packages/providers/src/retry-after.ts';
import { advisedMs } from '../packages/windows/src/retry-advice.ts';

const refused = (waitMs: number): RateLimited => ({
  kind: 'rate_limited',
  model: 'm',
  limit: 'tpm',
  value: 1_000,
  used: 1_000,
  requested: 1,
  waitMs,
});

const SAID: Record<string, (waitMs: number) => RawHeaders> = {
  openai: (waitMs) => openaiFailure(refused(waitMs)).headers,
  anthropic: (waitMs) => anthropicFailure(refused(waitMs), 1).headers,
};

const named = (raw: RawHeaders): Record<string, string> =>
  Object.fromEntries(
    raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] as string]] : [])),
  );

for (const [format, said] of Object.entries(SAID))
  test(`the simulation and the HTTP simulator ask for the same wait: ${format}`, () => {
    const waits = fc.double({ min: 0.001, max: 59_000, noNaN: true });
    fc.assert(
      fc.property(waits, (waitMs) => {
        const response = { status: 429, headers: named(said(waitMs)), text: '' };
        assert.equal(readRetryAfter(response, null), advisedMs(format, waitMs));
      }),
    );
  });
