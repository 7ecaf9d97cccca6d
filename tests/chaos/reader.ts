/** Reads through the API what became of what was accepted. */
import { rowsOf } from '@sluice/testing';
import type { Asked, End } from './book.ts';

const ENDED = new Set(['succeeded', 'failed', 'cancelled', 'expired', 'completed']);

interface Shown {
  status: string;
  ended_at?: number;
  completed_at?: number;
  failed_at?: number;
  cancelled_at?: number;
  expired_at?: number;
  request_counts?: { total: number; completed: number; failed: number };
  output_file_id?: string | null;
  error_file_id?: string | null;
}

interface Listed {
  id: string;
  status: string;
  ended_at: number | null;
}

export class Reader {
  readonly #apis: readonly string[];
  #turn = 0;

  constructor(apis: readonly string[]) {
    this.#apis = apis;
  }

  /** Its terminal state; null: none yet, or nobody answers. */
  async endOf({ ids, kind }: Asked): Promise<End | null> {
    const [id] = ids;
    const path = kind === 'batch' ? `/v1/batches/${id}` : `/v1/jobs/${id}`;
    const text = await this.#get(path);
    if (text === null) return null;
    const shown = JSON.parse(text) as Shown;
    if (!ENDED.has(shown.status)) return null;
    const { completed_at: completed, failed_at: failed, cancelled_at: cancelled } = shown;
    const endedAt = shown.ended_at ?? completed ?? cancelled ?? failed ?? shown.expired_at ?? 0;
    if (kind !== 'batch') return { status: shown.status, endedAt };
    const [output, errors] = await Promise.all(
      [shown.output_file_id, shown.error_file_id].map((file) => this.#linesOf(file)),
    );
    // A file that nobody serves now is no proof of anything: asked again.
    if (!output || !errors) return null;
    return {
      status: shown.status,
      endedAt,
      counts: shown.request_counts as NonNullable<End['counts']>,
      output,
      errors,
    };
  }

  /** The ends of all single jobs that have ended, by their ids; null: nobody answers. */
  async endsOfJobs(): Promise<Map<string, End> | null> {
    const ends = new Map<string, End>();
    for await (const page of this.#pages()) {
      if (page === null) return null;
      for (const { id, status, ended_at: endedAt } of page)
        if (ENDED.has(status)) ends.set(id, { status, endedAt: endedAt ?? 0 });
    }
    return ends;
  }

  /** How many jobs and lines the hours count as ended. */
  async counted(): Promise<number | null> {
    const text = await this.#get('/v1/usage?bucket=total');
    if (text === null) return null;
    const { data } = JSON.parse(text) as { data: { results: { jobs: number }[] }[] };
    return data.flatMap(({ results }) => results).reduce((sum, { jobs }) => sum + jobs, 0);
  }

  /** How many single jobs there are that have ended, whoever asked for them; null: some have not, or nobody answers. */
  async ended(): Promise<number | null> {
    let count = 0;
    for await (const page of this.#pages()) {
      if (page === null || page.some(({ status }) => !ENDED.has(status))) return null;
      count += page.length;
    }
    return count;
  }

  /** All single jobs, newest first; null in place of a page that could not be read, which is the last. */
  async *#pages(): AsyncGenerator<Listed[] | null> {
    let after = '';
    for (;;) {
      const text = await this.#get(`/v1/jobs?limit=100${after}`);
      if (text === null) {
        yield null;
        return;
      }
      const page = JSON.parse(text) as { data: Listed[]; has_more: boolean };
      yield page.data;
      if (!page.has_more) return;
      after = `&after=${page.data.at(-1)?.id}`;
    }
  }

  async #linesOf(file: string | null | undefined): Promise<string[] | null> {
    if (!file) return [];
    const text = await this.#get(`/v1/files/${file}/content`);
    if (text === null) return null;
    return rowsOf<{ custom_id: string }>(text).map((row) => row.custom_id);
  }

  async #get(path: string): Promise<string | null> {
    const api = this.#apis[this.#turn++ % this.#apis.length] as string;
    try {
      const response = await fetch(`${api}${path}`, { signal: AbortSignal.timeout(15_000) });
      const text = await response.text();
      return response.ok ? text : null;
    } catch {
      return null;
    }
  }
}
