/** Work of which one request is larger than all that a limit of a deployment lets through in a minute. */
import type { DeploymentLoad } from '@sluice/admission';
import { expectedCost, outsizedBy, outsizedWords } from '@sluice/budget';
import type { Fleet, Shape } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';
import { usualOutput } from '@sluice/prediction';

/** Why requests of these shapes are too large there, all of them; null = some fit, none is known, or nobody knows. */
export function tooLarge(
  { deployments }: Fleet,
  loads: ReadonlyMap<string, DeploymentLoad>,
  { id, shapes }: { id: string; shapes: readonly Shape[] },
): string | null {
  const [deployment, load] = [deployments.get(id), loads.get(id)];
  if (deployment === undefined || load === undefined) return null;
  const found = shapes.map((shape) => {
    const most = shape.maxOutput ?? deployment.defaultMaxTokens;
    const facts = { ...load, ...deployment, meanOutput: load.meanOutput ?? usualOutput(most) };
    return outsizedBy(expectedCost(shape, facts), load.dims);
  });
  const [first = null] = found;
  return first === null || found.includes(null) ? null : outsizedWords(first);
}

/** Of its lines in the mean: those that set a maximum, and those that do not. */
export function shapesOf({ jobs, characters, maxOutput, unsetOutput }: BatchClass): Shape[] {
  const setters = jobs - unsetOutput;
  const mean = { characters: characters / Math.max(1, jobs), inputs: 1 };
  return [
    ...(setters > 0 ? [{ ...mean, maxOutput: maxOutput / setters }] : []),
    ...(unsetOutput > 0 ? [{ ...mean, maxOutput: null }] : []),
  ];
}
