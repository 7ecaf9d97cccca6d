/** What an estimate goes by where it cannot know, and where each of these figures is from. Pure. */
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import { USUAL_MAX_TOKENS } from '@sluice/config';
import type { Assumption, Assumptions, BatchClass, PoolEstimate } from '@sluice/ledger';
import type { JobClass } from '@sluice/planning';
import type { Likely } from './lengths-book.ts';
import type { ProblemPorts } from './plan-problem.ts';

export interface Estimated {
  known: readonly { lines: BatchClass; likely: Likely }[];
  /** Of the same order. */
  classes: readonly Pick<JobClass, 'deployments'>[];
  pools: Readonly<Record<string, PoolEstimate>>;
}

type Ports = Pick<ProblemPorts, 'fleet' | 'picture'>;

export function assumptionsOf(ports: Ports, about: Estimated): Assumptions {
  const { known, classes, pools } = about;
  const placesOf = (some: Estimated['classes']): Set<string> =>
    new Set(some.flatMap(({ deployments }) => Object.keys(deployments)));
  const unset = placesOf(classes.filter((_, i) => (known[i]?.lines.unsetOutput ?? 0) > 0));
  return {
    outputTokens: Object.fromEntries(
      Object.entries(pools).map(([id, { lines, outputTokens }]) => [
        id,
        { value: outputTokens.likely / Math.max(1, lines), from: lengthsFrom(ports, about, id) },
      ]),
    ),
    deployments: Object.fromEntries(
      [...placesOf(classes)].map((id) => [id, deploymentOf(ports, id, unset.has(id))]),
    ),
  };
}

/** Answers tell as soon as there is one, of its own kind or of anybody at a deployment that may get it. */
function lengthsFrom(
  { picture }: Ports,
  { known, classes }: Estimated,
  pool: string,
): Assumption['from'] {
  const taught = known.some(
    ({ lines, likely }, i) =>
      lines.pool === pool &&
      (likely.certainty > 0 ||
        Object.keys(classes[i]?.deployments ?? {}).some(
          (id) => (picture.load(id)?.meanOutput ?? null) !== null,
        )),
  );
  return taught ? 'answers' : 'default';
}

function deploymentOf(
  { fleet, picture }: Ports,
  id: string,
  /** Whether it may get lines that set no maximum. */
  isBooked: boolean,
): Assumptions['deployments'][string] {
  const load = picture.load(id);
  const from = (load?.ok ?? 0) > 0 ? 'answers' : 'default';
  const { defaultMaxTokens: maxTokens = USUAL_MAX_TOKENS, outputCap = null } =
    fleet.deployments.get(id) ?? {};
  const isUsual = outputCap === null && maxTokens === USUAL_MAX_TOKENS;
  return {
    charsPerToken: { value: load?.charsPerToken ?? USUAL_CHARS_PER_TOKEN, from },
    maxTokens: isBooked ? { value: maxTokens, from: isUsual ? 'default' : 'config' } : null,
    latencyMs: { value: load?.meanLatencyMs ?? null, from },
  };
}
