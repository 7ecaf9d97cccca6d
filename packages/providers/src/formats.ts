/**
 * Which wire formats can say a job, as a bitmask that travels with it: bit i stands for FORMATS[i]. A job is looked at
 * once, when it is accepted; placement then only compares bits.
 */
import type { Deployment, Endpoint } from '@sluice/job';
import type { Body } from './adapter.ts';
import { ADAPTERS, adapterFor, unsayableBy } from './adapters.ts';

/** Wire formats in the order of their bits. Part of what the ledger stores: append, never reorder within a release. */
export const FORMATS: readonly string[] = Object.keys(ADAPTERS).toSorted();

/** The bit of a deployment's wire format; 0 for a type there is no adapter for. */
export const formatBit = (type: string): number => {
  const index = FORMATS.indexOf(type);
  return index < 0 ? 0 : 1 << index;
};

export interface Sayable {
  /** Formats among those asked for that can say it; 0 = none. */
  mask: number;
  /** Parameters that keep formats out, each once; empty when all can say it. */
  unsayable: string[];
}

/** Never left out, whatever `drop_params` says: without them it would be another request. */
const NEVER_DROPPED = new Set(['endpoint', 'messages', 'stream']);

/** Asks each wire format once. `dropParams` are parameters that may be left out. */
export function formatsFor(
  types: Iterable<string>,
  endpoint: Endpoint,
  body: Body,
  dropParams: readonly string[] = [],
): Sayable {
  let mask = 0;
  const unsayable = new Set<string>();
  for (const type of new Set(types)) {
    const names = adapterFor(type)?.cannotSay(endpoint, body) ?? ['endpoint'];
    const kept = names.filter((name) => NEVER_DROPPED.has(name) || !dropParams.includes(name));
    if (kept.length === 0) mask |= formatBit(type);
    for (const name of kept) unsayable.add(name);
  }
  return { mask, unsayable: [...unsayable] };
}

/**
 * The same for the deployments that may run a job, each with its own `drop_params`. A format counts only when all its
 * deployments here can run the job, so that nothing is ever dropped where it is not allowed.
 */
export function formatsOf(
  deployments: Iterable<Deployment>,
  endpoint: Endpoint,
  body: Body,
): Sayable {
  let mask = 0;
  let barred = 0;
  const unsayable = new Set<string>();
  for (const deployment of deployments) {
    const names = unsayableBy(deployment, endpoint, body);
    const bit = formatBit(deployment.provider.type);
    if (names.length === 0) mask |= bit;
    else barred |= bit;
    for (const name of names) unsayable.add(name);
  }
  return { mask: mask & ~barred, unsayable: [...unsayable] };
}
