/**
 * A delivered entry, step by step: claim → load → admit → call → store → finish.
 *
 * Every outcome is stored before the entry is finished, and looked up first when it is delivered again. Calls of one entry
 * run side by side; each is stored as it ends.
 */
import type { EntryData } from '@sluice/queues';
import { claimEntry, handBack } from '@sluice/ledger';
import type { ClaimedChunk, ClaimedJob, Ledger } from '@sluice/ledger';
import type { Deployment } from '@sluice/job';
import type { WorkerEvents } from './events.ts';
import type { NotAdmitted } from './gate.ts';
import type { Lease, LeaseKeeper } from './lease-keeper.ts';
import type { Call, CallLoader } from './load-calls.ts';
import { NO_ANSWER } from './make-call.ts';
import type { CallResult } from './make-call.ts';

export interface EntryPorts {
  ledger: Ledger;
  deployment: Deployment;
  leaseMs: number;
  loader: CallLoader;
  leases: LeaseKeeper;
  events: WorkerEvents;
  now: () => number;
  /** Admits, calls under the entry's lease, stores and settles one call. */
  perform: (entry: EntryData, call: Call, under: CallRight) => Promise<Performed>;
  /** Stores an outcome of a call that is not made. */
  store: (entry: EntryData, call: Call, result: CallResult) => Promise<void>;
  /** Jobs that left the queue without being booked, for the dispatcher's picture of it. */
  dropped: (jobs: number) => void;
  /** Calls of a delivery that died: nobody else counts how they ended. */
  lost: (calls: number) => void;
  signalFor: (id: string) => { signal: AbortSignal; done: () => void };
}

/** How one call went; all but `stored`: nothing was spent. */
export type Performed = 'stored' | NotAdmitted;

/** What lets a call begin, and ends it. */
export interface CallRight {
  signal: AbortSignal;
  lease: Lease;
}

/** How the entry left this worker; `held`: another delivery's calls still live, try again after so many ms. */
export type EntryEnd = 'done' | 'dropped' | 'handed_back' | { heldForMs: number };

/** Soon enough to be placed again at once by the sweeper. */
const AT_ONCE = 0;
/** For so long an entry does not come back to a deployment that has too little left of its day for it. */
const SHUNNED_MS = 60_000;

export async function runEntry(ports: EntryPorts, data: EntryData): Promise<EntryEnd> {
  // Listens before it claims: a cancellation between the two must not be missed.
  const { signal, done } = ports.signalFor(data.id);
  try {
    return await claimAndCall(ports, data, signal);
  } finally {
    done();
  }
}

async function claimAndCall(
  ports: EntryPorts,
  data: EntryData,
  signal: AbortSignal,
): Promise<EntryEnd> {
  const { ledger, leases, leaseMs } = ports;
  const holder = leases.newHolder();
  const asked = leases.moment();
  const claim = await claimEntry(ledger, { ...data, holder, leaseMs, now: asked.wall });
  if (claim.kind === 'held') return { heldForMs: claim.forMs };
  if (claim.kind === 'drop') {
    ports.dropped(1);
    ports.events.entryDropped({ deployment: ports.deployment.id, ...data });
    return 'dropped';
  }
  const lease = leases.hold(data.id, holder, asked);
  try {
    return await callAll(ports, data, { entry: claim.entry, right: { signal, lease } });
  } finally {
    leases.release(lease);
  }
}

async function callAll(
  ports: EntryPorts,
  data: EntryData,
  { entry, right }: { entry: ClaimedJob | ClaimedChunk; right: CallRight },
): Promise<EntryEnd> {
  const loaded = await ports.loader.load(data.id, entry);
  if (loaded === null) {
    ports.events.inputGone({ id: data.id });
    ports.dropped(1);
    return 'dropped';
  }
  const { calls, unreadable } = loaded;
  if (entry.lostBefore) {
    const end = await giveUp(ports, data, { calls, result: lost });
    ports.lost(calls.length);
    return end;
  }
  if (unreadable) {
    ports.events.inputGone({ id: data.id });
    return giveUp(ports, data, { calls, result: inputGone });
  }
  const ends = await Promise.all(calls.map((call) => ports.perform(data, call, right)));
  const left = ends.filter((end) => end !== 'stored').length;
  if (left === 0) return 'done';
  // Another delivery has the entry: what was not called here is its business.
  if (right.lease.lost) return 'dropped';
  ports.dropped(left);
  const shunnedUntil = ends.includes('used_up') ? ports.now() + SHUNNED_MS : 0;
  await handBack(ports.ledger, { ...data, holder: right.lease.holder, shunnedUntil }, AT_ONCE);
  ports.events.handedBack({ deployment: ports.deployment.id, id: data.id, jobs: left });
  return 'handed_back';
}

/** Stores an outcome for each of these calls without making it. */
async function giveUp(
  ports: EntryPorts,
  data: EntryData,
  { calls, result }: { calls: readonly Call[]; result: (call: Call, now: number) => CallResult },
): Promise<EntryEnd> {
  ports.dropped(calls.length);
  await Promise.all(calls.map((call) => ports.store(data, call, result(call, ports.now()))));
  return 'done';
}

/**
 * A delivery before this one died in mid-call: nobody knows how its call ended. It becomes an attempt of its own, recorded
 * before anything is called again: so the ledger of attempts is whole, and a job that kills its workers goes round only as
 * often as the retry policy allows.
 */
const lost = (call: Call): CallResult => ({
  ...NO_ANSWER,
  outcome: 'lost',
  message: 'the worker that made this call ended before its answer was stored',
  startedAt: call.since,
  endedAt: call.since,
});

const inputGone = (_call: Call, now: number): CallResult => ({
  ...NO_ANSWER,
  outcome: 'bad_request',
  message: 'the line cannot be read any more: its input file is gone',
  costUsd: 0,
  startedAt: now,
  endedAt: now,
});
