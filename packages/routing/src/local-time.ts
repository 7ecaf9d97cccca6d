/** What a clock on the wall shows in a time zone. */
import { DAYS } from './conditions.ts';
import type { Day, TimeWindow } from './conditions.ts';

interface LocalTime {
  /** Since midnight. */
  minute: number;
  day: Day;
}

const MINUTE_MS = 60_000;
const formats = new Map<string, Intl.DateTimeFormat>();
/** Offsets are whole minutes, so a minute's answer holds for all of it: batches ask a million times. */
const lastAsked = new Map<string, { minuteNumber: number; time: LocalTime }>();

export function isTimeZone(zone: string): boolean {
  try {
    formatFor(zone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** `now` Unix ms. Throws RangeError on an unknown zone. */
function localTime(zone: string, now: number): LocalTime {
  const minuteNumber = Math.floor(now / MINUTE_MS);
  const known = lastAsked.get(zone);
  if (known?.minuteNumber === minuteNumber) return known.time;
  const parts = formatFor(zone).formatToParts(now);
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
  const time: LocalTime = {
    minute: Number(part('hour')) * 60 + Number(part('minute')),
    day: part('weekday').toLowerCase() as Day,
  };
  lastAsked.set(zone, { minuteNumber, time });
  return time;
}

function formatFor(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(zone, format);
  return format;
}

/** A window over midnight belongs to the day on which it begins. */
export function isWithin({ from, to, days, zone }: TimeWindow, now: number): boolean {
  const { minute, day } = localTime(zone, now);
  if (from < to) return minute >= from && minute < to && days.includes(day);
  if (minute >= from) return days.includes(day);
  return minute < to && days.includes(dayBefore(day));
}

const dayBefore = (day: Day): Day => DAYS[(DAYS.indexOf(day) + 6) % 7] as Day;
