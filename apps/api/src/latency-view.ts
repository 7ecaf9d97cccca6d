/** How long calls took, as /admin shows it: `latency_ms`, ms, percentiles within 5 %, and how many calls they are of. */
import { callsIn, percentilesOf } from '@sluice/prediction';
import type { Durations } from '@sluice/prediction';

/** Null where no answered call is counted. */
export function latencyView(durations: Durations | undefined) {
  const found = durations && percentilesOf(durations);
  return found ? { ...found, calls: callsIn(durations) } : null;
}
