/**
 * The fleet: what an installation can call, after the config file has been read, filled in and checked.
 * Everything below the config package works on these plain facts.
 */

/** Rate dimensions. `rpm`/`rpd` count requests, the others tokens; `itpm` input only, `otpm` output only. */
export const RATE_DIMENSIONS = ['rpm', 'rpd', 'tpm', 'tpd', 'itpm', 'otpm'] as const;
export type RateDimension = (typeof RATE_DIMENSIONS)[number];

/** Absent = unlimited (until learnt). */
export interface Limits {
  rpm?: number;
  tpm?: number;
  itpm?: number;
  otpm?: number;
  rpd?: number;
  tpd?: number;
  /** Calls in flight at once. */
  concurrency?: number;
  usd_per_day?: number;
  usd_per_month?: number;
}

/** US dollars per million tokens. */
export interface Price {
  input: number;
  output: number;
  cached_input?: number;
}

/**
 * How a provider charges output tokens against its token limits: `max_tokens` = the request's maximum at admission, never
 * given back (OpenAI: facts in wire format's adapter); `released` = likewise, but what was not produced is given back when
 * the request has ended (Azure, Bedrock); `actual` = what was produced (Anthropic).
 */
export type OutputCharge = 'max_tokens' | 'released' | 'actual';

/** How a provider counts a deployment's calls against its limits. */
export interface Accounting {
  output: OutputCharge;
  /** Whether input read from the provider's cache counts. */
  cachedInput: 'counts' | 'free';
  /** Whether a call that the provider refused or failed counts. */
  failedRequests: 'count' | 'free';
  /** What one output token counts. */
  outputMultiplier: number;
  /** What limits on input and output together count: both, or the larger of the two. */
  inputAndOutput: 'sum' | 'larger';
}

/** A set of limits that one or several deployments share. Every deployment has one of its own, named as it. */
export interface Budget {
  id: string;
  limits: Limits;
  outputCharge: OutputCharge;
  /** `{b:<root>}`: budgets that one call can charge together share a root. */
  root: string;
}

/** An account at a vendor. */
export interface Provider {
  id: string;
  /** The wire format: names an adapter. */
  type: string;
  baseUrl: string;
  apiKey: string | null;
  headers: Record<string, string>;
}

export interface OutputCap {
  /** Output tokens, over all answers of a request. */
  tokens: number;
  /** What the model calls it in chat completions. */
  param: 'max_tokens' | 'max_completion_tokens';
}

/** Something callable: account × model × region. */
export interface Deployment {
  /** `mini`, or `mini@openai-a` where the config entry lists several providers. */
  id: string;
  /** The entry in the config it came from: `mini`. */
  name: string;
  provider: Provider;
  /** The model name sent to the provider. */
  model: string;
  region: string | null;
  weight: number;
  price: Price | null;
  timeoutMs: number;
  /** Budgets a call draws on, its own first; all share `root`. */
  budgets: string[];
  root: string;
  /** Added to every call's body, headers and URL. */
  params: Record<string, unknown>;
  headers: Record<string, string>;
  query: Record<string, string>;
  /** Parameters that may be left out where the wire format cannot express them. */
  dropParams: string[];
  /** Output tokens assumed for a request that sets no maximum; with an `outputCap` its tokens. */
  defaultMaxTokens: number;
  /** Put into requests that set no maximum; null = nothing is. */
  outputCap: OutputCap | null;
  /** `output` is that of its own budget. */
  accounting: Accounting;
}

/** What clients name as the model. */
export interface Pool {
  id: string;
  /** A strategy name with its settings. */
  strategy: { name: string } & Record<string, unknown>;
  /** Deployment ids in fallback order. */
  tiers: string[][];
  aliases: string[];
  /** Outcomes that let a failed job go on to the next tier. */
  on: string[];
  /** Leave a tier whose budgets are full after this long; null = wait. */
  spillAfterMs: number | null;
}

export interface Tenant {
  id: string;
  /** `sha256:<hex>` of each key. */
  keyHashes: string[];
  weight: number;
  /** Pools it may name; null = all. */
  pools: string[] | null;
  limits: Record<string, number>;
}

export interface Fleet {
  deployments: Map<string, Deployment>;
  budgets: Map<string, Budget>;
  pools: Map<string, Pool>;
}
