/**
 * What a pool's `strategy` section may say: each strategy reads its own settings and reports every mistake with place,
 * value found and what is allowed. A strategy that was made has settings that hold.
 */
import type { Strategy } from './strategy.ts';

/** The deployments of a pool, by tier, as far as settings can name them. */
export interface Member {
  /** `mini`, or `mini@openai-a`. */
  id: string;
  /** The entry it comes from: `mini`. */
  name: string;
  region: string | null;
}
export type Members = readonly (readonly Member[])[];

export interface SettingMistake {
  /** Below the strategy's section: `['arms', 'mini']`; empty for the section itself. */
  path: readonly (string | number)[];
  found: unknown;
  /** What is found, in words, where the value alone does not say it. */
  foundInWords?: string;
  allowed: string;
}

export type Parsed<T> = { ok: true; settings: T } | { ok: false; mistakes: SettingMistake[] };
export type Made = { ok: true; strategy: Strategy } | { ok: false; mistakes: SettingMistake[] };

export interface SettingDoc {
  name: string;
  allowed: string;
  /** As written in a config file; null = required. */
  otherwise: string | null;
  does: string;
}

/** A strategy as the config knows it. */
export interface StrategyKind {
  name: string;
  /** Who goes first, in a line. */
  summary: string;
  settings: readonly SettingDoc[];
  /** Reads the settings beside the name. `members` null = what they name is not checked, for it has been. */
  make(settings: Record<string, unknown>, members: Members | null): Made;
}

/** A strategy that has nothing to set. */
export const withoutSettings = (strategy: Strategy, summary: string): StrategyKind => ({
  name: strategy.name,
  summary,
  settings: [],
  make: (found) => {
    const mistakes = unknownSettings(found, strategy.name, []);
    return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, strategy };
  },
});

/** A setting that is a number within bounds. */
export interface NumberSetting {
  least: number;
  most: number;
  otherwise: number;
  does: string;
}

type Numbers<K extends string> = Record<K, number>;

/** A strategy whose settings are all numbers with defaults. */
export function withNumbers<K extends string>(kind: {
  name: string;
  summary: string;
  numbers: Record<K, NumberSetting>;
  make: (settings: Numbers<K>) => Strategy;
}): StrategyKind {
  const { name, summary, numbers, make } = kind;
  const entries = Object.entries<NumberSetting>(numbers);
  return {
    name,
    summary,
    settings: entries.map(([key, one]) => ({
      name: key,
      allowed: allowedNumber(one),
      otherwise: String(one.otherwise),
      does: one.does,
    })),
    make: (found) => {
      const parsed = readNumbers(found, kind);
      return parsed.ok ? { ok: true, strategy: make(parsed.settings) } : parsed;
    },
  };
}

function readNumbers<K extends string>(
  found: Record<string, unknown>,
  { name, numbers }: { name: string; numbers: Record<K, NumberSetting> },
): Parsed<Numbers<K>> {
  const keys = Object.keys(numbers) as K[];
  const mistakes = unknownSettings(found, name, keys);
  const settings = {} as Numbers<K>;
  for (const key of keys) {
    const { least, most, otherwise } = numbers[key];
    const value = found[key] === undefined ? otherwise : readNumber(found[key]);
    if (value === null || value < least || value > most)
      mistakes.push({ path: [key], found: found[key], allowed: allowedNumber(numbers[key]) });
    else settings[key] = value;
  }
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, settings };
}

const allowedNumber = ({ least, most }: NumberSetting): string =>
  `a number from ${least} to ${most}`;

/** A number, also one written as a text: `"${EPSILON}"` arrives as one. Null for anything else. */
export function readNumber(value: unknown): number | null {
  const number =
    typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

/** A mistake for every setting that the strategy has not. */
export function unknownSettings(
  found: Record<string, unknown>,
  strategy: string,
  known: readonly string[],
): SettingMistake[] {
  const allowed = known.length > 0 ? known.join(', ') : `nothing: ${strategy} has no settings`;
  return Object.keys(found)
    .filter((key) => !known.includes(key))
    .map((key) => ({
      path: [key],
      found: found[key],
      foundInWords: `the setting "${key}"`,
      allowed,
    }));
}

/** A section with names, whatever they hold. */
export const isSection = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
