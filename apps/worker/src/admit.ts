/**
 * A call begins when it has its booking, its moment has come, and its entry is still this delivery's.
 *
 * A process that stood still while a call waited may have lost the entry to another delivery, which calls it in turn. So a
 * call asks for its booking under a lease that is known to be held, and is asked about the lease once more when its turn
 * comes and as its request is written; if that is not known then, the booking is given back, for its moment has passed too.
 */
import { randomUUID } from 'node:crypto';
import type { Asking, Gate, NotAdmitted } from './gate.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { CallRight } from './run-entry.ts';

export interface AdmitPorts {
  gate: Gate;
  leases: Pick<LeaseKeeper, 'confirm' | 'isKnown'>;
  /** Gives a booking up whose call is not made. */
  release: (permit: string) => void;
  now: () => number;
}

/** Asks `mayBegin` as the request is about to be written; what it says no to was not sent. */
type MakeCall<Result> = (permit: string, mayBegin: () => boolean) => Promise<Result | 'not_begun'>;

interface Made<Result> {
  permit: string;
  bookedAt: number;
  result: Result;
}

/** What `call` came to under its permit, or why it was not made: nothing was spent. */
export async function admitAndCall<Result>(
  { gate, leases, release, now }: AdmitPorts,
  { asking, call }: { asking: Omit<Asking, 'lease'>; call: MakeCall<Result> },
  { signal, lease }: CallRight,
): Promise<Made<Result> | NotAdmitted> {
  while (await leases.confirm(lease)) {
    const admission = await gate.ask({ ...asking, lease: randomUUID() });
    if (typeof admission === 'string') return admission;
    const { lease: permit, bookedAt } = admission;
    const inTime = !signal.aborted && now() < asking.until;
    const result =
      inTime && leases.isKnown(lease)
        ? await call(permit, () => begins(leases, lease))
        : 'not_begun';
    if (result !== 'not_begun') return { bookedAt, permit, result };
    gate.ended();
    release(permit);
    if (!inTime) return 'turned_away';
  }
  return 'turned_away';
}

/** Asked as its request is written: whether it is to be. */
function begins(leases: Pick<LeaseKeeper, 'isKnown'>, lease: CallRight['lease']): boolean {
  const held = leases.isKnown(lease);
  lease.begun ||= held;
  return held;
}
