/** What an answer weighs and how long it takes: functions of the request's hash, so that a seed repeats them. */
import { firstTokens } from './tokens.ts';
import { answerText } from './answer-text.ts';
import { echoOf } from './model-request.ts';
import type { ModelRequest } from './model-request.ts';
import type { Behaviour } from './options.ts';
import { normal, uniform } from './random.ts';

export interface Choice {
  text: string;
  tokens: number;
  /** Whether the maximum of output cut it off. */
  cut: boolean;
}

export interface Product {
  choices: Choice[];
  outputTokens: number;
}

/** The maximum of output per choice that holds for a request: its own or the account's default; 0 where it has none. */
export function maxOutputPerChoice(request: ModelRequest, settings: Behaviour): number {
  if (request.endpoint === 'embeddings' || request.endpoint === 'moderations') return 0;
  return request.maxOutput ?? settings.default_max_tokens;
}

export function produce(request: ModelRequest, settings: Behaviour): Product {
  const max = maxOutputPerChoice(request, settings);
  if (max === 0) return { choices: [], outputTokens: 0 };
  const choices = Array.from({ length: request.choices }, (_, index) =>
    choice(request, settings, { max, hash: (request.hash + index) >>> 0 }),
  );
  return { choices, outputTokens: choices.reduce((sum, { tokens }) => sum + tokens, 0) };
}

function choice(
  request: ModelRequest,
  settings: Behaviour,
  { max, hash }: { max: number; hash: number },
): Choice {
  if (settings.answer === 'echo') {
    const question = echoOf(request);
    const { text, tokens } = firstTokens(question, max);
    return { text, tokens, cut: text.length < question.length };
  }
  const wanted = wantedTokens(settings, hash);
  const tokens = Math.min(max, wanted);
  return { text: answerText(hash, tokens), tokens, cut: wanted > max };
}

/** Log-normal with the mean asked for: lengths of real answers are heavy-tailed. */
function wantedTokens({ output_tokens: wanted }: Behaviour, hash: number): number {
  if (typeof wanted === 'number') return wanted;
  const { mean, spread } = wanted;
  return Math.max(
    1,
    Math.round(mean * Math.exp(spread * normal(hash, 21) - (spread * spread) / 2)),
  );
}

/** Milliseconds from admission to the answer. Choices are produced side by side: the longest one counts. */
export function latencyMs(request: ModelRequest, product: Product, settings: Behaviour): number {
  const { first_token_ms, per_output_token_ms, per_input_token_ms, jitter } = settings.latency;
  let longest = 0;
  for (const { tokens } of product.choices) longest = Math.max(longest, tokens);
  const usual =
    first_token_ms + per_input_token_ms * request.inputTokens + per_output_token_ms * longest;
  return jitter === 0 ? usual : usual * (1 + jitter * (2 * uniform(request.hash, 31) - 1));
}
