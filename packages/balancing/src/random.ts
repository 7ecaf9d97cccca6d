/**
 * `random`: by lot, in proportion to the weights, counted in jobs: who gets more of them at once is drawn less often.
 * Remembers nothing and looks at no load: for comparing with, and where many independent dispatchers must not agree.
 */
import type { Asked, Candidate } from './candidate.ts';
import { withoutSettings } from './settings.ts';
import type { Chance, Strategy } from './strategy.ts';

const random: Strategy = { name: 'random', pick };

export const randomKind = withoutSettings(random, 'by lot, in proportion to `weight`');

function pick(
  asked: Asked,
  candidates: readonly Candidate[],
  { random: draw, jobsOn }: Chance,
): Candidate {
  let all = 0;
  const upTo = candidates.map(
    (each) => (all += asked.jobs > 1 ? each.weight / jobsOn(each) : each.weight),
  );
  const drawn = draw() * all;
  return candidates[upTo.findIndex((bound) => drawn < bound)] ?? (candidates.at(-1) as Candidate);
}
