/** The maximum of output tokens that a deployment puts into every request without one. */
import type { Deployment } from './deployment.ts';

/** What the endpoints call it. */
export const MAXIMA: readonly string[] = [
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
];

/** Tokens of each answer; the largest where several names are given, since each endpoint reads its own. Null: none is put in. */
export function maximumIn(params: Readonly<Record<string, unknown>>): number | null {
  const given = MAXIMA.map((name) => params[name]).filter(
    (value): value is number => typeof value === 'number' && value > 0 && Number.isFinite(value),
  );
  return given.length === 0 ? null : Math.ceil(Math.max(...given));
}

/** Whether anything is put in, whatever the wire format does by itself. */
export const setsMaximum = ({
  outputCap,
  params,
}: Pick<Deployment, 'outputCap' | 'params'>): boolean =>
  outputCap !== null || maximumIn(params) !== null;
