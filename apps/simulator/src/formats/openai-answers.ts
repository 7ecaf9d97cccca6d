/**
 * OpenAI's answers to the field. Written as text, not through JSON.stringify: what is made up needs no escaping,
 * and this is most of what an answer costs.
 */
import type { ModelRequest } from '../model-request.ts';
import type { Choice, Product } from '../produce.ts';
import { hashText, uniform } from '../random.ts';
import type { AnswerFacts } from './wire-format.ts';

export function openaiAnswer(request: ModelRequest, product: Product, facts: AnswerFacts): string {
  switch (request.endpoint) {
    case 'responses':
      return responses(request, product, facts);
    case 'completions':
      return completions(request, product, facts);
    case 'embeddings':
      return embeddings(request, facts);
    case 'moderations':
      return moderations(request, facts);
    default:
      return chat(request, product, facts);
  }
}

const quoted = (text: string): string => JSON.stringify(text);
const seconds = (wallMs: number): number => Math.floor(wallMs / 1_000);
const finish = ({ cut }: Choice): string => (cut ? '"length"' : '"stop"');

function usage({ inputTokens }: ModelRequest, { outputTokens }: Product): string {
  return (
    `{"prompt_tokens":${inputTokens},"completion_tokens":${outputTokens},` +
    `"total_tokens":${inputTokens + outputTokens},"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
    '"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,' +
    '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
  );
}

function chat(request: ModelRequest, product: Product, { serial, wallMs }: AnswerFacts): string {
  const choices = product.choices.map(
    (choice, index) =>
      `{"index":${index},"message":{"role":"assistant","content":${quoted(choice.text)},"refusal":null,` +
      `"annotations":[]},"logprobs":null,"finish_reason":${finish(choice)}}`,
  );
  return (
    `{"id":"chatcmpl-sim${serial}","object":"chat.completion","created":${seconds(wallMs)},` +
    `"model":${quoted(request.model)},"choices":[${choices.join(',')}],"usage":${usage(request, product)},` +
    '"service_tier":"default","system_fingerprint":"fp_simulator"}'
  );
}

function completions(request: ModelRequest, product: Product, facts: AnswerFacts): string {
  const choices = product.choices.map(
    (choice, index) =>
      `{"text":${quoted(choice.text)},"index":${index},"logprobs":null,"finish_reason":${finish(choice)}}`,
  );
  return (
    `{"id":"cmpl-sim${facts.serial}","object":"text_completion","created":${seconds(facts.wallMs)},` +
    `"model":${quoted(request.model)},"choices":[${choices.join(',')}],"usage":${usage(request, product)}}`
  );
}

function responses(request: ModelRequest, product: Product, facts: AnswerFacts): string {
  const { serial, wallMs } = facts;
  const choice = product.choices[0] as Choice;
  const status = choice.cut ? '"incomplete"' : '"completed"';
  const details = choice.cut ? '{"reason":"max_output_tokens"}' : 'null';
  const total = request.inputTokens + product.outputTokens;
  return (
    `{"id":"resp_sim${serial}","object":"response","created_at":${seconds(wallMs)},"status":${status},` +
    `"background":false,"error":null,"incomplete_details":${details},"instructions":null,` +
    `"max_output_tokens":${request.maxOutput},"model":${quoted(request.model)},"output":[{"id":"msg_sim${serial}",` +
    `"type":"message","status":${status},"role":"assistant","content":[{"type":"output_text",` +
    `"text":${quoted(choice.text)},"annotations":[],"logprobs":[]}]}],"parallel_tool_calls":true,` +
    '"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"store":false,"temperature":1,' +
    '"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1,"truncation":"disabled",' +
    `"usage":{"input_tokens":${request.inputTokens},"input_tokens_details":{"cached_tokens":0},` +
    `"output_tokens":${product.outputTokens},"output_tokens_details":{"reasoning_tokens":0},` +
    `"total_tokens":${total}},"user":null,"metadata":{}}`
  );
}

function embeddings(request: ModelRequest, facts: AnswerFacts): string {
  const asked = request.body['dimensions'];
  const dimensions = typeof asked === 'number' ? asked : facts.embeddingDimensions;
  const inBase64 = request.body['encoding_format'] === 'base64';
  const data = inputsOf(request).map((input, index) => {
    const vector = unitVector(inputHash(input), dimensions);
    const written = inBase64
      ? `"${Buffer.from(vector.buffer).toString('base64')}"`
      : `[${vector.join(',')}]`;
    return `{"object":"embedding","index":${index},"embedding":${written}}`;
  });
  const { inputTokens } = request;
  return (
    `{"object":"list","data":[${data.join(',')}],"model":${quoted(request.model)},` +
    `"usage":{"prompt_tokens":${inputTokens},"total_tokens":${inputTokens}}}`
  );
}

function inputsOf({ body }: ModelRequest): unknown[] {
  const input = body['input'];
  return Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
}

/** The same text has the same embedding, whatever stands beside it in the request. */
function inputHash(input: unknown): number {
  return hashText(typeof input === 'string' ? input : JSON.stringify(input), 7);
}

function unitVector(hash: number, dimensions: number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, (_, at) => uniform(hash, at) - 0.5);
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

const CATEGORIES = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
];

function moderations(request: ModelRequest, { serial }: AnswerFacts): string {
  const results = inputsOf(request).map((input) => {
    const hash = inputHash(input);
    const scores = CATEGORIES.map((name, at) => [name, uniform(hash, at) / 100] as const);
    return {
      flagged: false,
      categories: Object.fromEntries(CATEGORIES.map((name) => [name, false])),
      category_scores: Object.fromEntries(scores),
      category_applied_input_types: Object.fromEntries(CATEGORIES.map((name) => [name, ['text']])),
    };
  });
  return JSON.stringify({ id: `modr-sim${serial}`, model: request.model, results });
}
