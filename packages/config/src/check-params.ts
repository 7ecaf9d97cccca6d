/** Refuses `params` of a deployment that would make every one of its answers unreadable. */
import type { Mistake } from './mistake.ts';
import { showPath } from './mistake.ts';
import { section } from './outline.ts';

const ALLOWED =
  'false, or nothing: answers are taken whole, and a job is not answered in the background';

export function checkParams(filled: unknown): Mistake[] {
  return Object.entries(section(section(filled)['deployments'])).flatMap(([name, deployment]) => {
    const params = section(section(deployment)['params']);
    return ['stream', 'background']
      .filter((param) => params[param] === true)
      .map((param) => {
        const at = ['deployments', name, 'params', param];
        return { path: showPath(at), at, found: 'true', allowed: ALLOWED };
      });
  });
}
