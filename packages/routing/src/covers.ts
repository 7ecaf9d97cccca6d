/** Finds routes that can never be reached, because an earlier one takes everything that they would. */
import { DAYS } from './conditions.ts';
import type { Conditions, Range, TimeWindow } from './conditions.ts';
import { includesPattern } from './pattern.ts';

/**
 * Whether every request that meets `later` meets `earlier` too. `known`: all pools and aliases. True is certain; false
 * may be caution (two routes together can cover a third, which is not looked for).
 */
export function covers(earlier: Conditions, later: Conditions, known: readonly string[]): boolean {
  return (
    coversList(earlier.endpoint, later.endpoint) &&
    coversList(earlier.tenant, later.tenant) &&
    coversList(earlier.priority, later.priority) &&
    coversModel(earlier.model, later.model, known) &&
    coversRange(earlier.inputTokens, later.inputTokens) &&
    coversRange(earlier.outputTokens, later.outputTokens) &&
    coversFlag(earlier.tools, later.tools) &&
    coversFlag(earlier.images, later.images) &&
    coversFlag(earlier.jsonSchema, later.jsonSchema) &&
    coversMetadata(earlier, later) &&
    coversTime(earlier.time, later.time)
  );
}

const coversList = <T>(wide: readonly T[] | undefined, narrow: readonly T[] | undefined): boolean =>
  wide === undefined || (narrow?.every((one) => wide.includes(one)) ?? false);

/** A route without `model` takes the known names; one with it also others that fit. */
function coversModel(
  wide: readonly string[] | undefined,
  narrow: readonly string[] | undefined,
  known: readonly string[],
): boolean {
  const names = narrow ?? known;
  if (wide === undefined) return names.every((name) => known.includes(name));
  return names.every((name) => wide.some((pattern) => includesPattern(pattern, name)));
}

const coversRange = (wide: Range | undefined, narrow: Range | undefined): boolean =>
  wide === undefined ||
  ((wide.min ?? 0) <= (narrow?.min ?? 0) && (wide.max ?? Infinity) >= (narrow?.max ?? Infinity));

const coversFlag = (wide: boolean | undefined, narrow: boolean | undefined): boolean =>
  wide === undefined || wide === narrow;

function coversMetadata(wide: Conditions, narrow: Conditions): boolean {
  const wanted = narrow.metadata ?? {};
  const keys = new Set([...Object.keys(wanted), ...(narrow.tags ?? [])]);
  return (
    (wide.tags ?? []).every((tag) => keys.has(tag)) &&
    Object.entries(wide.metadata ?? {}).every(
      ([key, patterns]) =>
        Object.hasOwn(wanted, key) &&
        (wanted[key] ?? []).every((value) =>
          patterns.some((pattern) => includesPattern(pattern, value)),
        ),
    )
  );
}

/** Minutes of the week that a window takes, from Monday 0:00; in different zones nothing is certain. */
function coversTime(wide: TimeWindow | undefined, narrow: TimeWindow | undefined): boolean {
  if (wide === undefined) return true;
  if (narrow === undefined || narrow.zone !== wide.zone) return false;
  const wider = minutesOf(wide);
  return [...minutesOf(narrow)].every((minute) => wider.has(minute));
}

const DAY = 1_440;

function minutesOf({ from, to, days }: TimeWindow): Set<number> {
  const minutes = new Set<number>();
  for (const day of days) {
    const begin = DAYS.indexOf(day) * DAY + from;
    const length = from < to ? to - from : DAY - from + to;
    for (let i = 0; i < length; i += 1) minutes.add((begin + i) % (7 * DAY));
  }
  return minutes;
}
