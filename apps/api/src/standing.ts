/** How a deployment stands now, and why it starts nothing where it does not: for operators, and for whoever waits for it. */
import type { DeploymentLoad } from '@sluice/admission';
import type { Api } from './api.ts';
import type { PublishedHealth } from './figures.ts';

/** Nothing of a limit per day or month comes back for so long: whoever waits should know, ms. */
const LONG_MS = 60_000;
/** In which nothing new is started. */
const STARTS_NOTHING: ReadonlySet<string> = new Set(['blocked', 'broken', 'paused', 'draining']);

export interface Standing {
  /** As the dispatcher says it, or an operator wants it; null until it is said. */
  state: string | null;
  reason: string | null;
  startsNothing: boolean;
}

export function standingOf(
  { control }: Pick<Api, 'control'>,
  id: string,
  { health, loads }: { health: Map<string, PublishedHealth>; loads: Map<string, DeploymentLoad> },
): Standing {
  const said = health.get(id) ?? {};
  const wish = control.wishOf(id);
  // An operator's wish is in force before a dispatcher has said so.
  const state = wish === 'active' ? (said.state ?? null) : wish;
  const usedUp = usedUpReason(loads.get(id));
  const reason =
    wish === 'active'
      ? (said.reason ?? usedUp ?? refusedReason(loads.get(id)))
      : `set to ${wish} by an operator`;
  return { state, reason, startsNothing: usedUp !== null || STARTS_NOTHING.has(state ?? '') };
}

/** Of limits per day and month: the one that keeps calls away longest. */
function usedUpReason(load: DeploymentLoad | undefined): string | null {
  if (!load || load.pausedForMs <= Math.max(LONG_MS, load.refusedForMs)) return null;
  const longest = load.windows.toSorted((a, b) => b.usedFraction - a.usedFraction)[0];
  if (longest === undefined) return null;
  const { budget, dimension, used, limit } = longest;
  return `${dimension} of budget ${budget} is used up: ${figure(used)} of ${figure(limit)}; something comes back ${at(load.pausedForMs)}`;
}

const figure = (value: number): string => String(Number(value.toPrecision(6)));
const at = (inMs: number): string =>
  `at ${new Date(Date.now() + inMs).toISOString().slice(0, 19)}Z`;

/** Why an active deployment starts nothing now, if its provider said so. */
const refusedReason = (load: DeploymentLoad | undefined): string | null =>
  load && load.refusedForMs > 0
    ? `paused until ${new Date(Date.now() + load.refusedForMs).toISOString()} by a 429: the provider's retry-after, at most a minute, or our guess where it names none`
    : null;
