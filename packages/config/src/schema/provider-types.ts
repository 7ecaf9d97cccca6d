/** What a provider's `type` implies where the file says nothing. */
import type { Accounting } from '@sluice/job';

export interface ProviderType {
  baseUrl: string;
  /**
   * How the vendor counts. OpenAI: `max_tokens` and an estimate of the input, at admission; cached input and failed requests
   * count. Anthropic: what was really produced, `max_tokens` does not count; cache reads do not count to ITPM (both: their
   * rate-limit pages).
   */
  accounting: Accounting;
}

const CAREFUL = { failedRequests: 'count', outputMultiplier: 1, inputAndOutput: 'sum' } as const;

export const PROVIDER_TYPES = {
  openai: {
    baseUrl: 'https://api.openai.com/v1',
    accounting: { ...CAREFUL, output: 'max_tokens', cachedInput: 'counts' },
  },
  anthropic: {
    baseUrl: 'https://api.anthropic.com',
    accounting: { ...CAREFUL, output: 'actual', cachedInput: 'free' },
  },
} as const satisfies Record<string, ProviderType>;

export type ProviderTypeName = keyof typeof PROVIDER_TYPES;
