/**
 * The job as JSON text. A provider's answer is passed through as it came: never parsed, so neither its depth nor its
 * size costs anything here, and its numbers keep their spelling.
 */
import type { Job } from './job.ts';

export interface RawResult {
  statusCode: number;
  /** JSON text; null: too large to be carried along. */
  body: string | null;
}

/** Where a job without its large result says that the whole of it is. */
const urlOf = (id: string): string => `/v1/jobs/${id}`;

/** A result without its body becomes null, with `url` beside it: where the whole job is. */
export function jobJson(job: Omit<Job, 'result' | 'url'>, result: RawResult | null): string {
  const { error, cost_usd, metadata, retry_of, ...first } = job;
  const last = { error, cost_usd, metadata, retry_of };
  const leftOut = result !== null && result.body === null;
  const rest = JSON.stringify(leftOut ? { ...last, url: urlOf(job.id) } : last);
  return `${JSON.stringify(first).slice(0, -1)},"result":${resultJson(result)},${rest.slice(1)}`;
}

const resultJson = (result: RawResult | null): string =>
  result === null || result.body === null
    ? 'null'
    : `{"status_code":${result.statusCode},"body":${result.body}}`;
