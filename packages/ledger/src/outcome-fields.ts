/**
 * The form of an outcome between worker and recorder: one JSON field for what the recorder decides on, then one raw field
 * per outcome that it passes on unread (a batch line: its finished segment row; a job: the answer's body).
 */
import type { Attempt, Outcome, Usage } from '@sluice/job';

export interface OutcomeMeta {
  /** Place within the entry; 0 for a job. */
  place: number;
  /** Line number in the batch's file; 0 for a job. */
  line: number;
  outcome: Outcome;
  statusCode: number | null;
  deployment: string;
  usage: Usage | null;
  costUsd: number | null;
  retryAfterMs: number | null;
  message: string | null;
  /** For a job the attempts to add; for a line that failed its whole history; empty for a line that succeeded (its row has it). */
  attempts: Attempt[];
  /** Attempts before this one that count. */
  tries: number;
  endedAt: number;
  /** Where its pool compares arms: by what the recorder counts it. */
  arm?: OutcomeArm;
}

export interface OutcomeArm {
  pool: string;
  /** The arm or region it should have been; AS_WANTED = that is where it was. */
  wanted: string;
  tookMs: number;
}

/** Fields for the stream entry. */
export function encodeOutcomes(
  metas: readonly OutcomeMeta[],
  raws: readonly (string | Buffer)[],
): (string | Buffer)[] {
  const fields: (string | Buffer)[] = ['m', JSON.stringify(metas)];
  for (const raw of raws) fields.push('b', raw);
  return fields;
}

/** What {@link encodeOutcomes} wrote, from the values of the stream entry. */
export function decodeOutcomes(values: readonly Buffer[]): { meta: OutcomeMeta; raw: Buffer }[] {
  const [first, ...raws] = values;
  if (!first) return [];
  const metas = JSON.parse(first.toString()) as OutcomeMeta[];
  return metas.map((meta, i) => ({ meta, raw: raws[i] as Buffer }));
}
