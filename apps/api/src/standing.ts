/** How a deployment stands now, and why it starts nothing where it does not: for operators, and for whoever waits for it. */
import type { DeploymentLoad } from '@sluice/admission';
import type { Fleet } from '@sluice/job';
import type { Api } from './api.ts';
import type { PublishedHealth } from './figures.ts';

/** In which nothing new is started. */
const STARTS_NOTHING: ReadonlySet<string> = new Set(['blocked', 'broken', 'paused', 'draining']);

export interface Standing {
  /** As the dispatcher says it, or an operator wants it; null until it is said. */
  state: string | null;
  reason: string | null;
  startsNothing: boolean;
}

/** What is known of all deployments. */
export interface Live {
  health: Map<string, PublishedHealth>;
  loads: Map<string, DeploymentLoad>;
  /** ms. */
  now: number;
}

export function standingOf(
  { control }: Pick<Api, 'control'>,
  id: string,
  { health, loads, now }: Live,
): Standing {
  const said = health.get(id) ?? {};
  const wish = control.wishOf(id);
  // An operator's wish is in force before a dispatcher has said so, also the one to go on.
  if (wish !== 'active') return standing(wish, setTo(wish));
  const goesOn = said.reason === setTo(said.state);
  const { state = null, reason = null } = goesOn ? { state: 'active' } : said;
  return standing(state, reason ?? refusedReason(loads.get(id), now));
}

const standing = (state: string | null, reason: string | null): Standing => ({
  state,
  reason,
  startsNothing: STARTS_NOTHING.has(state ?? ''),
});

/** As the dispatcher words it too. */
const setTo = (state: string | undefined): string => `set to ${state} by an operator`;

/** Why an active deployment starts nothing now, if its provider said so. */
const refusedReason = (load: DeploymentLoad | undefined, now: number): string | null =>
  load && load.refusedForMs > 0
    ? `paused until ${new Date(now + load.refusedForMs).toISOString()} by a 429: the provider's retry-after, at most a minute, or our guess where it names none`
    : null;

/** Why nothing new is placed on a deployment as long as the config stays as it is; null = it may be. */
export function neverPlaced({ deployments }: Fleet, id: string): string | null {
  const deployment = deployments.get(id);
  if (!deployment) return `the config has no deployment ${id}`;
  return deployment.weight > 0 ? null : 'its weight is 0: nothing new is placed on it';
}
