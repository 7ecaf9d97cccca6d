/**
 * The last look before a call begins: it has its booking, its moment has come, and its entry is still this delivery's.
 *
 * A process that stood still while a call waited may have lost the entry to another delivery, which calls it in turn. So a
 * call asks for its booking under a lease that is known to be held, and is asked about the lease once more when its turn
 * comes; if that is not known then, the booking is given back, for its moment has passed too.
 */
import { randomUUID } from 'node:crypto';
import type { Admission, Asking, Gate } from './gate.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { CallRight } from './run-entry.ts';

export interface AdmitPorts {
  gate: Gate;
  leases: Pick<LeaseKeeper, 'confirm' | 'isKnown'>;
  /** Gives a booking up whose call is not made. */
  release: (permit: string) => void;
  now: () => number;
}

/** The permit under which the call may begin now, or why it may not: nothing was spent. */
export async function admit(
  { gate, leases, release, now }: AdmitPorts,
  asking: Omit<Asking, 'lease'>,
  { signal, lease }: CallRight,
): Promise<{ permit: string } | Exclude<Admission, 'start'>> {
  while (await leases.confirm(lease)) {
    const permit = randomUUID();
    const admission = await gate.ask({ ...asking, lease: permit });
    if (admission !== 'start') return admission;
    const inTime = !signal.aborted && now() < asking.until;
    if (inTime && leases.isKnown(lease)) return { permit };
    gate.ended();
    release(permit);
    if (!inTime) return 'turned_away';
  }
  return 'turned_away';
}
