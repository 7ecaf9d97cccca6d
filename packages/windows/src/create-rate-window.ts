/** Makes the window of a kind. */
import { fixedWindow } from './fixed-window.ts';
import { slidingWindow } from './sliding-window.ts';
import { tokenBucket } from './token-bucket.ts';
import type { RateWindow, WindowKind, WindowStart } from './rate-window.ts';

export function createRateWindow(kind: WindowKind, start: WindowStart): RateWindow {
  switch (kind) {
    case 'bucket_1s':
      return tokenBucket(1_000, start);
    case 'bucket_10s':
      return tokenBucket(10_000, start);
    case 'bucket_60s':
      return tokenBucket(60_000, start);
    case 'fixed_10s':
      return fixedWindow(10_000, start);
    case 'fixed_minute':
      return fixedWindow(60_000, start);
    default:
      return slidingWindow(60_000, start);
  }
}
