/** Provider responses as fixtures: `<format>/__fixtures__/<status>-<what>.json`, each with its source. For tests. */
import { readFileSync, readdirSync } from 'node:fs';
import type { Deployment, Endpoint, Outcome, Usage } from '@sluice/job';
import type { ProviderResponse } from './adapter.ts';

export interface Fixture {
  name: string;
  /** Who answers so, or where it is documented. */
  source: string;
  endpoint: Endpoint;
  response: ProviderResponse;
  expect: {
    outcome: Outcome;
    retryAfterMs: number | null;
    usage: Usage | null;
    /** Where it is not the HTTP status. */
    statusCode?: number;
    /** `error.code` of the body. */
    code?: string;
    finishReason?: string;
  };
  /** What must appear neither in the message nor, for refused credentials, in the body. */
  forbidden?: string[];
}

type Stored = Omit<Fixture, 'name' | 'response'> & {
  response: { status: number; headers: Record<string, string>; body?: unknown; text?: string };
};

export function loadFixtures(type: string): Fixture[] {
  const folder = new URL(`./${type}/__fixtures__/`, import.meta.url);
  return readdirSync(folder)
    .toSorted()
    .map((file) => {
      const stored = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Stored;
      const { status, headers, body, text = JSON.stringify(body) } = stored.response;
      return { ...stored, name: file.replace('.json', ''), response: { status, headers, text } };
    });
}

/** A deployment of this format, with only what the test names changed. */
export function deploymentOf(
  type: string,
  baseUrl: string,
  more: Partial<Deployment> = {},
): Deployment {
  return {
    id: 'mini',
    name: 'mini',
    provider: { id: 'a', type, baseUrl, apiKey: 'sk-secret-0123456789', headers: {} },
    model: 'the-model',
    region: null,
    weight: 1,
    price: null,
    timeoutMs: 1000,
    budgets: ['mini'],
    root: 'mini',
    params: {},
    headers: {},
    query: {},
    dropParams: [],
    defaultMaxTokens: 1024,
    outputCap: null,
    accounting: {
      output: 'actual',
      cachedInput: 'counts',
      failedRequests: 'count',
      outputMultiplier: 1,
      inputAndOutput: 'sum',
    },
    ...more,
  };
}
