/**
 * Six deployments of one system, each alone in its pool, each behind a provider that counts tokens in another kind of
 * window, and a backlog of requests of real sizes for all of them.
 */
import { WINDOW_KINDS } from '@sluice/windows';
import type { WindowKind } from '@sluice/windows';
import type { System } from '@sluice/testing';
import { TRACES, echoedBody, readTraces } from '../azure.ts';
import { postBatch } from '../batches.ts';
import { between, read, waitUntil } from '../provider-count.ts';
import type { Between, Reading } from '../provider-count.ts';

export const KINDS = WINDOW_KINDS;
/** Tokens a minute that each provider allows, input as sent and output as produced. */
const TPM = 1_000_000;
/** Lines of one batch for each of the pools. */
const LINES = 2_500;

/** The config file. `factor`: of the limit that the providers really have. */
export const configOf = (factor: number): string => `
providers:
${KINDS.map((kind) => `  ${kind}: { type: openai, base_url: "{{simulator}}/v1", api_key: key-${kind}, accounting: { output: actual } }`).join('\n')}
deployments:
${KINDS.map((kind) => `  ${kind}: { provider: ${kind}, model: m, limits: { tpm: ${TPM * factor} } }`).join('\n')}
pools:
${KINDS.map((kind) => `  ${kind}: [${kind}]`).join('\n')}
`;

/** `headers`: whether the providers say what their limits are. */
export const simulatorOptions = (headers: boolean): object => ({
  ledger: true,
  accounts: Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      {
        key: `key-${kind}`,
        format: 'openai',
        window: kind,
        charge: 'actual',
        answer: 'echo',
        headers,
        limits: { tpm: TPM },
        // As `simulate.latency` of the config assumes them.
        latency: {
          first_token_ms: 300,
          per_input_token_ms: 0.05,
          per_output_token_ms: 15,
          jitter: 0.1,
        },
      },
    ]),
  ),
});

/** Posts batches that the pools of these kinds are busy with for so many minutes at least. */
export async function post(
  system: System,
  {
    minutes,
    folder = TRACES,
    kinds = KINDS,
  }: { minutes: number; folder?: string; kinds?: readonly WindowKind[] },
): Promise<void> {
  const requests = readTraces(folder, ['conv']);
  const mean = requests.reduce((sum, { input, output }) => sum + input + output, 0);
  let left = Math.ceil((TPM * minutes * requests.length) / mean);
  for (let from = 0; left > 0; left -= LINES) {
    const lines = Math.min(LINES, left);
    await postBatch(
      system,
      Array.from({ length: lines * kinds.length }, (_, i) => {
        const line = from + Math.floor(i / kinds.length);
        const request = requests[line % requests.length] as (typeof requests)[number];
        return echoedBody(kinds[i % kinds.length] as WindowKind, request);
      }),
    );
    from += lines;
  }
}

/** Whole minutes of the wall clock, so that they are whole windows of every kind; the first at least `afterMs` from now. */
export async function measureMinutes(
  system: System,
  { minutes, afterMs }: { minutes: number; afterMs: number },
): Promise<readonly [Reading, Reading]> {
  let last = await read(system);
  const progress = async (): Promise<void> => {
    const now = await read(system);
    console.log(progressOf([last, now]));
    last = now;
  };
  const from = Math.ceil((Date.now() + afterMs) / 60_000) * 60_000;
  await waitUntil(from, progress);
  const first = await read(system);
  console.log(`measured from here on, ${minutes} minutes`);
  await waitUntil(from + minutes * 60_000, progress);
  return [first, await read(system)];
}

export const usedIn = (span: readonly [Reading, Reading], kind: string): Between =>
  between(span, { account: kind, tpm: TPM });

/** Of each: the share of the limit used since the last line, and the 429s. */
function progressOf(span: readonly [Reading, Reading]): string {
  const busy = KINDS.filter((kind) => usedIn(span, kind).calls > 0);
  const parts = busy.map((kind) => {
    const { used, limited } = usedIn(span, kind);
    return `${kind} ${used.toFixed(0)} %${limited > 0 ? `, ${limited} × 429` : ''}`;
  });
  return `${(span[1].atMs / 1_000).toFixed(0).padStart(4)} s  ${parts.join(' · ')}`;
}
