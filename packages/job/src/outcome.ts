/** How one attempt ended. The list is part of the public contract (`attempts[].outcome`, `error.code`). */
export const OUTCOMES = [
  'ok',
  'rate_limited',
  'quota_exhausted',
  'overloaded',
  'credential',
  'model_gone',
  'context_too_long',
  'content_refused',
  'bad_request',
  'timeout',
  'network',
  'provider_error',
  'lost',
] as const;

export type Outcome = (typeof OUTCOMES)[number];
export type FailureClass = Exclude<Outcome, 'ok'>;

/** Tokens as the provider counted them. `input` includes `cached`; `output` includes `reasoning`. */
export interface Usage {
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
}

/** One call to a provider for a job, as the ledger of attempts shows it. Times: Unix seconds (fractional); durations: ms. */
export interface Attempt {
  deployment: string;
  /** The arm of a `split`, or the region, that it was meant for and that had no room; absent = it is there. */
  instead_of?: string | undefined;
  /** Output tokens of each answer that its deployment's `output_cap` allowed; absent = it put nothing in. */
  output_cap?: number | undefined;
  provider: string;
  started_at: number;
  /** From acceptance (or the end of the previous attempt) to the start of the call, ms. */
  queued_ms: number;
  took_ms: number;
  outcome: Outcome;
  status_code: number | null;
  usage: Usage | null;
  /** US dollars; null where the deployment has no price, and where no answer came. */
  cost_usd: number | null;
  /** What the provider said, shortened, without the prompt; null on success. */
  error: string | null;
}
