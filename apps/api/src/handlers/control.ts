/** Live control: what operators set over the config, and the config read anew. In force in all processes within a second. */
import type { OverridePatch } from '@sluice/control';
import type { Deployment } from '@sluice/job';
import type { Api } from '../api.ts';
import { refuse } from '../errors.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { checkBody } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { deploymentPatch } from '../shapes/control-request.ts';
import { noQuery, oneDeployment } from './admin.ts';

/** Sets, or with null clears, what is in force over the config. The same again changes nothing. */
export async function patchDeployment(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const id = request.params['id'] as string;
  const deployment = api.fleet.deployments.get(id) ?? noSuch('deployment', id);
  const patch = checkBody(deploymentPatch, request.json) as OverridePatch;
  refuseUncounted(deployment, patch);
  await api.control.patch(id, patch);
  return ok(await oneDeployment(api, api.fleet.deployments.get(id) ?? deployment));
}

/** A limit in dollars that counts nothing would look like protection. */
function refuseUncounted({ price }: Deployment, { limits }: OverridePatch): void {
  for (const name of ['usd_per_day', 'usd_per_month'] as const) {
    const found = limits?.[name];
    if (price !== null || found === undefined || found === null) continue;
    const field = `limits.${name}`;
    const allowed = 'a limit in dollars only where the config has a `price`';
    refuse('invalid_value', { param: field, values: { field, found, allowed } });
  }
}

/** All of the new config, or with one mistake in it nothing. */
export async function reloadConfig(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const result = await api.control.reload();
  if (result.kind === 'invalid')
    return refuse('invalid_config', { values: { report: result.report } });
  const { change, config } = result;
  return ok({
    object: 'reload',
    ...change,
    needs_restart: api.needsRestart,
    warnings: [...change.pools.removed.map(poolGone), ...(config?.warnings ?? [])],
  });
}

const poolGone = (pool: string): string =>
  `pools.${pool} is gone: what was accepted for it waits for the pool to come back, until its deadline`;
