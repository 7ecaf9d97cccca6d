/** Where `output_cap` would let much more through: for a dry run by its lines, for the plan by what it reckons with. Pure. */
import { adviseCap, adviseUnlearntCap, capWords } from '@sluice/budget';
import type { CapFacts } from '@sluice/budget';
import { setsMaximum } from '@sluice/job';
import type { Deployment, Fleet, Shape } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';
import type { DrainProblem, JobClass } from '@sluice/planning';
import type { Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';

interface Ports {
  fleet: Fleet;
  picture: Picture;
}

/** One in the config may be many deployments; more sentences than this are not read. */
const MOST_NAMED = 3;

/**
 * For lines that mostly set no maximum; one sentence for each entry of the config that they may go to. Before there are enough answers
 * to know, what it would change if these were short.
 */
export function capHints(
  ports: Ports,
  known: readonly { lines: BatchClass; likely: Likely }[],
  classes: readonly Pick<JobClass, 'deployments'>[],
): string[] {
  const told = new Map<string, string>();
  for (const [i, { lines, likely }] of known.entries()) {
    if (lines.unsetOutput * 2 < lines.jobs) continue;
    const shape: Shape = {
      characters: lines.characters / Math.max(1, lines.jobs),
      maxOutput: null,
      inputs: 1,
    };
    for (const id of Object.keys(classes[i]?.deployments ?? {})) {
      const deployment = ports.fleet.deployments.get(id);
      if (!deployment || told.has(deployment.name)) continue;
      const booked = ports.picture.cost(id, shape, likely);
      const meanOutput = ports.picture.expects(id, shape, likely);
      const facts = factsOf(ports, deployment, { booked, meanOutput });
      const advice = adviseCap(facts) ?? adviseUnlearntCap(facts);
      if (advice) told.set(deployment.name, capWords(deployment.name, advice));
    }
  }
  return [...told.values()].slice(0, MOST_NAMED);
}

/** By deployment, for what a plan reckons that a line takes there. */
export function planHints(ports: Ports, { classes }: DrainProblem): Record<string, string> {
  const told: Record<string, string> = {};
  for (const { deployments } of classes)
    for (const [id, { cost: booked }] of Object.entries(deployments)) {
      const deployment = ports.fleet.deployments.get(id);
      const meanOutput = ports.picture.load(id)?.meanOutput ?? null;
      const advice = deployment && adviseCap(factsOf(ports, deployment, { booked, meanOutput }));
      if (advice) told[id] ??= capWords(id, advice);
    }
  return told;
}

function factsOf(
  { picture }: Ports,
  deployment: Deployment,
  about: { booked: { input: number; output: number }; meanOutput: number | null },
): CapFacts {
  const { id, accounting, defaultMaxTokens } = deployment;
  const load = picture.load(id);
  return {
    ...about,
    accounting,
    defaultMaxTokens,
    isCapped: setsMaximum(deployment),
    answers: load?.ok ?? 0,
    limits: load?.dims ?? [],
  };
}
