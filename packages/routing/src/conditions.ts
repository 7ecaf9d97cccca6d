/** What a route asks of a request: plain values, as the config file says them. */
import type { Endpoint, Priority } from '@sluice/job';

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** Both ends belong to it; an absent one is open. */
export interface Range {
  min?: number;
  max?: number;
}

/** Minutes of the day, `from` inclusive, `to` exclusive; over midnight when `to` is not above `from`. */
export interface TimeWindow {
  from: number;
  to: number;
  /** Days on which the window begins. */
  days: readonly Day[];
  /** IANA name. */
  zone: string;
}

/** All must hold; an absent one always does. Of a list one must. */
export interface Conditions {
  endpoint?: readonly Endpoint[];
  /** As the client named it, or the pool that this names; `*` stands for any characters. */
  model?: readonly string[];
  tenant?: readonly string[];
  /** As the request asks for. */
  priority?: readonly Priority[];
  /** Estimated, at four characters a token. */
  inputTokens?: Range;
  /** The most that the request allows; without a maximum of its own it has no upper end. */
  outputTokens?: Range;
  tools?: boolean;
  images?: boolean;
  jsonSchema?: boolean;
  /** Values by key; `*` as in `model`. */
  metadata?: Readonly<Record<string, readonly string[]>>;
  /** Keys that the metadata must have, whatever their values. */
  tags?: readonly string[];
  time?: TimeWindow;
}

/** Part of the requests of a route, in per cent; of one route they add up to 100. */
export interface Arm {
  pool: string;
  percent: number;
}

export interface Route {
  name: string | null;
  when: Conditions;
  arms: readonly Arm[];
  maxTier: number | null;
  priority: Priority | null;
}
