/** `usage` of chat completions, completions and embeddings (prompt_/completion_) and of responses (input_/output_). */
import type { Usage } from '@sluice/job';
import { asCount, isObject } from '../json.ts';

/** Null where the provider sends none (moderations). */
export function readUsage(usage: unknown): Usage | null {
  if (!isObject(usage)) return null;
  const input = detailsOf(usage['prompt_tokens_details'] ?? usage['input_tokens_details']);
  const output = detailsOf(usage['completion_tokens_details'] ?? usage['output_tokens_details']);
  return {
    input_tokens: asCount(usage['prompt_tokens'] ?? usage['input_tokens']),
    // DeepSeek says it at the top level.
    cached_tokens: asCount(input['cached_tokens'] ?? usage['prompt_cache_hit_tokens']),
    output_tokens: asCount(usage['completion_tokens'] ?? usage['output_tokens']),
    reasoning_tokens: asCount(output['reasoning_tokens']),
  };
}

const detailsOf = (value: unknown) => (isObject(value) ? value : {});
