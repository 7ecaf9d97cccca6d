/** What a provider's `type` implies where the file says nothing. */
import type { OutputCharge } from '@sluice/job';

export interface ProviderType {
  baseUrl: string;
  /**
   * How the vendor charges output against token limits. OpenAI: the larger of `max_tokens` and an estimate, at
   * admission. Anthropic: what was really produced; `max_tokens` does not count (both: their rate-limit pages).
   */
  output: OutputCharge;
}

export const PROVIDER_TYPES = {
  openai: { baseUrl: 'https://api.openai.com/v1', output: 'max_tokens' },
  anthropic: { baseUrl: 'https://api.anthropic.com', output: 'actual' },
} as const satisfies Record<string, ProviderType>;

export type ProviderTypeName = keyof typeof PROVIDER_TYPES;
