/** Live control: what operators set over the config, and the config read anew. In force in all processes within a second. */
import { sharedBudget } from '@sluice/control';
import type { OverridePatch } from '@sluice/control';
import type { Deployment, Fleet } from '@sluice/job';
import type { Api } from '../api.ts';
import { ApiError, refuse } from '../errors.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { isStoreAway } from '../http/redis-errors.ts';
import { checkBody } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { budgetPatch, deploymentPatch } from '../shapes/control-request.ts';
import { noQuery, oneDeployment } from './admin.ts';

/** Sets, or with null clears, what is in force over the config. The same again changes nothing. */
export async function patchDeployment(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const id = request.params['id'] as string;
  const named = deploymentsNamed(api.fleet, id);
  if (named.length === 0) return noSuch('deployment', id, [...api.fleet.deployments.keys()]);
  const patch = checkBody(deploymentPatch, request.json) as OverridePatch;
  refuseUncounted(named, patch);
  await api.control.patch(
    named.map((one) => one.id),
    patch,
  );
  const views = await Promise.all(
    named.map((one) => oneDeployment(api, api.fleet.deployments.get(one.id) ?? one)),
  );
  return ok(api.fleet.deployments.has(id) ? views[0] : { object: 'list', data: views });
}

/** One by its id, or all of `mini@a`, `mini@b` by the name that stands in the config. */
function deploymentsNamed({ deployments }: Fleet, name: string): Deployment[] {
  const one = deployments.get(name);
  return one ? [one] : [...deployments.values()].filter((each) => each.name === name);
}

/** The limits of a shared budget; a deployment's own are set at the deployment. */
export async function patchBudget(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const id = request.params['id'] as string;
  const shared = [...api.fleet.budgets.keys()].filter((one) => !api.fleet.deployments.has(one));
  if (!shared.includes(id)) return refuseBudget(api.fleet, id, shared);
  const patch = checkBody(budgetPatch, request.json) as Pick<OverridePatch, 'limits'>;
  refuseUncounted(drawingOn(api.fleet, id), patch);
  await api.control.patch([sharedBudget(id)], patch);
  return ok(budgetSettings(api, id));
}

function refuseBudget(fleet: Fleet, id: string, shared: readonly string[]): never {
  if (deploymentsNamed(fleet, id).length === 0 && shared.length > 0)
    return noSuch('budget', id, shared);
  const own =
    deploymentsNamed(fleet, id).length > 0
      ? `It is a deployment, whose own limits are set with PATCH /admin/deployments/${id}. `
      : '';
  const others =
    shared.length > 0
      ? `Shared budgets: ${shared.join(', ')}.`
      : 'The config has no shared budgets (`budgets`); the limits of one deployment are set with PATCH /admin/deployments/{id}.';
  const hint = `. ${own}${others}`;
  return refuse('not_found', {
    param: 'id',
    values: { kind: 'budget', id: id.slice(0, 80), hint },
  });
}

const drawingOn = ({ deployments }: Fleet, budget: string): Deployment[] =>
  [...deployments.values()].filter(({ budgets }) => budgets.includes(budget));

const budgetSettings = ({ control, fleet }: Api, id: string) => ({
  id,
  object: 'budget' as const,
  limits: fleet.budgets.get(id)?.limits ?? {},
  overridden: control.overrideOf(sharedBudget(id)),
  configured: { limits: control.configured.budgets.get(id)?.limits ?? {} },
  deployments: drawingOn(fleet, id).map((one) => one.id),
});

/** A limit in dollars that counts nothing would look like protection. */
function refuseUncounted(
  deployments: readonly Deployment[],
  { limits }: Pick<OverridePatch, 'limits'>,
): void {
  const priced = deployments.every(({ price }) => price !== null);
  for (const name of ['usd_per_day', 'usd_per_month'] as const) {
    const found = limits?.[name];
    if (priced || found === undefined || found === null) continue;
    const field = `limits.${name}`;
    const allowed = 'a limit in dollars only where the config has a `price`';
    refuse('invalid_value', { param: field, values: { field, found, allowed } });
  }
}

/** All of the new config, or with one mistake in it nothing. */
export async function reloadConfig(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const before = api.tenants.map(({ id }) => id);
  const result = await api.control.reload().catch((cause: unknown) => {
    throw isStoreAway(cause) ? new ApiError('reload_unknown', { cause }) : cause;
  });
  if (result.kind === 'invalid')
    return refuse('invalid_config', { values: { report: result.report } });
  const { change, config } = result;
  return ok({
    object: 'reload',
    ...change,
    needs_restart: api.needsRestart,
    warnings: [
      ...(before.length === 0 && api.tenants.length > 0 ? [KEYS_NEEDED] : []),
      ...(before.length > 0 && api.tenants.length === 0 ? [noKeysNeeded(api)] : []),
      ...change.pools.removed.map(poolGone),
      ...before.filter((id) => api.tenants.every((one) => one.id !== id)).map(tenantGone),
      ...(config?.warnings ?? []),
    ],
  });
}

const KEYS_NEEDED =
  'tenants are in force from now on: a request without one of their API keys is answered 401, and /admin needs a key of `admin`';

/** Said of what it opens, not only of what is gone. */
const noKeysNeeded = ({ settings, allowOpen }: Api): string => {
  const who = allowOpen ? 'whoever reaches this address' : 'anyone on this machine';
  const admin = settings.admin.keyHashes.length > 0 ? '' : ', and so do /admin and /metrics';
  return `there are no tenants any more: /v1 takes requests of ${who} from now on, without a key${admin}`;
};

const tenantGone = (tenant: string): string =>
  `tenants.${tenant} is gone: what was accepted from it goes on, without its limits`;

const poolGone = (pool: string): string =>
  `pools.${pool} is gone: what was accepted for it waits for the pool to come back, until its deadline`;
