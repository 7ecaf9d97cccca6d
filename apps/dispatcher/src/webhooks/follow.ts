/** What follows an attempt to deliver. Pure. */
import { nextDeliveryAt } from '@sluice/webhooks';
import type { Delivery, ScheduleFacts } from '@sluice/webhooks';

/** `dropped`: the record is gone, there is nothing left to tell. */
export type AttemptResult = Delivery | { kind: 'dropped' };

export type Following =
  | { kind: 'done' }
  | { kind: 'again'; at: number; last: string }
  | { kind: 'end'; reason: string };

export interface FollowFacts extends Pick<ScheduleFacts, 'random' | 'delaysMs'> {
  /** Attempts made, this one included. */
  attempt: number;
  now: number;
}

/** Only what a later attempt could change is tried again, on the schedule. Reasons are short and free of content. */
export function follow(result: AttemptResult, facts: FollowFacts): Following {
  switch (result.kind) {
    case 'delivered':
    case 'dropped':
      return { kind: 'done' };
    case 'gone':
      return { kind: 'end', reason: 'gone: the receiver answered 410' };
    case 'refused':
      return { kind: 'end', reason: `refused: ${result.reason}` };
    case 'throttled':
      return again(`throttled: ${result.status}`, result.retryAfterMs, facts);
    default:
      return again(result.reason, null, facts);
  }
}

function again(last: string, retryAfterMs: number | null, facts: FollowFacts): Following {
  const { attempt, now, ...schedule } = facts;
  const at = nextDeliveryAt(attempt, now, { ...schedule, retryAfterMs });
  return at === null
    ? { kind: 'end', reason: `given up after ${attempt} attempts: ${last}` }
    : { kind: 'again', at, last };
}
