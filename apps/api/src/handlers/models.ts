/** /v1/models: what this caller may name. */
import type { Api } from '../api.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { checkModel, modelsFor } from '../routing.ts';

const modelObject = (api: Api, id: string) => ({
  id,
  object: 'model' as const,
  created: Math.floor(api.startedAt / 1000),
  owned_by: 'sluice',
});

export const listModels = (api: Api, request: ApiRequest): Reply =>
  ok({
    object: 'list',
    data: modelsFor(api.fleet, request.caller).map((id) => modelObject(api, id)),
  });

/** Also a deployment, which the list leaves out. */
export function getModel(api: Api, request: ApiRequest): Reply {
  const id = request.params['id'] as string;
  checkModel(api.fleet, request.caller, id);
  return ok(modelObject(api, id));
}
