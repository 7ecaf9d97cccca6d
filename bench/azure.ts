/** The requests of Azure's traces of 2023 (tokens in and out), and request bodies that weigh as much at the simulator. */
import { readFileSync } from 'node:fs';

/** Tokens. */
export interface Request {
  input: number;
  output: number;
}

export type Trace = 'code' | 'conv';

/** Where the traces are looked for unless `--data` names another folder. */
export const TRACES = '../shared/data/azure-llm-2023';

/** The requests of these traces, in the order of their times of day. */
export function readTraces(folder: string, names: readonly Trace[]): Request[] {
  const rows = names.flatMap((name) =>
    readFileSync(`${folder}/AzureLLMInferenceTrace_${name}.csv`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')),
  );
  return rows
    .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))
    .map(([, input, output]) => ({ input: Number(input), output: Math.max(1, Number(output)) }));
}

/** Words of three letters, which are a token each with the space before them free. */
export const promptOf = (tokens: number): string => 'abc '.repeat(Math.max(1, tokens));

/** Tokens of a conversation of two messages beside their texts. */
const FRAME = 11;

/**
 * A chat request of that size whose maximum of output says nothing about the answer: an account with `answer: echo`
 * answers with the last message. An answer longer than its question (one in twenty) makes the question longer.
 */
export const echoedBody = (model: string, { input, output }: Request): object => ({
  model,
  messages: [
    { role: 'system', content: promptOf(input - output - FRAME) },
    { role: 'user', content: promptOf(output) },
  ],
});
