/** Which of the faults that are set hit a call now. Chance comes from the seed and the number of the call. */
import type { Fault, FaultKind } from './options.ts';
import { uniform } from './random.ts';

export interface FaultPlan {
  faults: readonly Fault[];
  /** When they were set, in the simulator's ms. */
  setAt: number;
}

export interface Moment {
  now: number;
  /** The simulator's first call; null before it. */
  firstCallAt: number | null;
  /** A number that no other call of the lane has, and from which chance is drawn. */
  draw: number;
  /** The call's body as it came. */
  text: string;
}

export type ActiveFaults = ReadonlyMap<FaultKind, Fault>;

const NONE: ActiveFaults = new Map();

/** The faults that hit this call, one of a kind: the first in the list. */
export function activeFaults({ faults, setAt }: FaultPlan, moment: Moment): ActiveFaults {
  if (faults.length === 0) return NONE;
  const hits = new Map<FaultKind, Fault>();
  faults.forEach((fault, index) => {
    if (hits.has(fault.kind) || !isOn(fault, setAt, moment)) return;
    if (fault.match !== undefined && !moment.text.includes(fault.match)) return;
    if (fault.rate < 1 && uniform(moment.draw, index) >= fault.rate) return;
    hits.set(fault.kind, fault);
  });
  return hits;
}

function isOn(fault: Fault, setAt: number, { now, firstCallAt }: Moment): boolean {
  const origin = fault.from === 'set' ? setAt : firstCallAt;
  if (origin === null) return false;
  const elapsed = now - origin - fault.at_ms;
  return elapsed >= 0 && (fault.for_ms === null || elapsed < fault.for_ms);
}
