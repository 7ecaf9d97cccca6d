/**
 * Ends a process whose event loop stands still: whoever started it starts it again, and what it held goes to others by
 * its leases. A thread of its own watches, for nothing in a loop that stands can. It counts its own looks, not the clock:
 * a process that was stopped, or a machine that slept, has not stood still.
 */
import { Worker } from 'node:worker_threads';

const LOOK_MS = 1_000;
/** Far above the longest pause of a sound process: garbage collection or one large body. */
const LOOKS = 30;

/** Plain JavaScript: a thread loads no TypeScript on Node 20. `beats[0]` is raised by the loop that is watched. */
const WATCH = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { buffer, lookMs, looks } = workerData;
const beats = new Int32Array(buffer);
let seen = -1;
let still = 0;
setInterval(() => {
  const beat = Atomics.load(beats, 0);
  still = beat === seen ? still + 1 : 0;
  seen = beat;
  if (still < looks) return;
  writeSync(2, 'the event loop stood still for ' + (looks * lookMs) / 1000 + ' s: this process ends\\n');
  process.kill(process.pid, 'SIGKILL');
}, lookMs);
`;

/** Watches from now on. */
export function endWhenStandingStill({ lookMs = LOOK_MS, looks = LOOKS } = {}): void {
  const buffer = new SharedArrayBuffer(4);
  const beats = new Int32Array(buffer);
  const beat = setInterval(() => Atomics.add(beats, 0, 1), lookMs / 2);
  beat.unref();
  const thread = new Worker(WATCH, {
    eval: true,
    // Nothing of how the process was started concerns the thread.
    execArgv: [],
    env: {},
    workerData: { buffer, lookMs, looks },
  });
  thread.unref();
  // Without a thread there is no watch, and nothing else is the worse for it.
  thread.on('error', () => undefined);
}
