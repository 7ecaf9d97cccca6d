/** Refuses `params` of a deployment that would make every one of its answers unreadable, or say what another setting says. */
import { MAXIMA } from '@sluice/job';
import type { Mistake } from './mistake.ts';
import { showPath } from './mistake.ts';
import { section } from './outline.ts';

const ALLOWED =
  'false, or nothing: answers are taken whole, and a job is not answered in the background';

const ONE_MAXIMUM = 'nothing beside `output_cap`, which would be put in beside it';

export function checkParams(filled: unknown): Mistake[] {
  return Object.entries(section(section(filled)['deployments'])).flatMap(([name, deployment]) => {
    const params = section(section(deployment)['params']);
    const mistake = (param: string, allowed: string): Mistake => {
      const at = ['deployments', name, 'params', param];
      return { path: showPath(at), at, found: JSON.stringify(params[param]), allowed };
    };
    const unreadable = ['stream', 'background'].filter((param) => params[param] === true);
    const cap = section(deployment)['output_cap'] ?? null;
    const maxima = cap === null ? [] : MAXIMA.filter((param) => param in params);
    return [
      ...unreadable.map((param) => mistake(param, ALLOWED)),
      ...maxima.map((param) => mistake(param, ONE_MAXIMUM)),
    ];
  });
}
