/** Reads the settings of `split`: every arm's name a deployment of the pool, all in one tier, none twice, a hundred percent in all. */
import {
  type Member,
  type Members,
  type Parsed,
  type SettingMistake,
  isSection,
  readNumber,
  unknownSettings,
} from './settings.ts';

export interface SplitSettings {
  /** Percentages by arm. */
  arms: ReadonlyMap<string, number>;
  strict: boolean;
}

export const STRICT_ALLOWED = 'true or false';

export const ARMS_ALLOWED =
  'deployments of the pool, each with its percentage, 100 in all: `{ mini: 95, next: 5 }`';

/** Thirds written with two digits add up to 99.99. */
const ROUNDING = 0.0100001;

export function readSplit(
  found: Record<string, unknown>,
  members: Members | null,
): Parsed<SplitSettings> {
  const { arms } = found;
  const mistakes = unknownSettings(found, 'split', ['arms', 'strict']);
  const strict = readFlag(found['strict'] ?? false);
  if (strict === null)
    mistakes.push({ path: ['strict'], found: found['strict'], allowed: STRICT_ALLOWED });
  if (!isSection(arms) || Object.keys(arms).length === 0) {
    mistakes.push({ path: ['arms'], found: arms, allowed: ARMS_ALLOWED });
    return { ok: false, mistakes };
  }
  mistakes.push(...wrongNames(Object.keys(arms), members), ...wrongPercents(arms));
  if (strict === true && mistakes.length === 0) mistakes.push(...withoutArm(arms, members));
  if (mistakes.length > 0 || strict === null) return { ok: false, mistakes };
  const percents = Object.entries(arms).map(
    ([name, percent]) => [name, readNumber(percent) as number] as const,
  );
  return { ok: true, settings: { arms: new Map(percents), strict } };
}

/** Also written as a text: `"${STRICT}"` arrives as one. */
function readFlag(value: unknown): boolean | null {
  if (value === true || value === 'true') return true;
  return value === false || value === 'false' ? false : null;
}

/** A deployment of the arms' tier that is in none of them would never get anything, and nobody would see it. */
function withoutArm(arms: Record<string, unknown>, members: Members | null): SettingMistake[] {
  const inArm = ({ id, name }: Member): boolean =>
    Object.hasOwn(arms, id) || Object.hasOwn(arms, name);
  const tier = members?.find((each) => each.some(inArm)) ?? [];
  const left = tier.filter((each) => !inArm(each)).map(({ id }) => id);
  if (left.length === 0) return [];
  const foundInWords = `no percentage for ${left.join(', ')}`;
  const allowed = 'with `strict` a percentage for every deployment of the tier (0 = nothing)';
  return [{ path: ['arms'], found: arms, foundInWords, allowed }];
}

function wrongPercents(arms: Record<string, unknown>): SettingMistake[] {
  const wrong = Object.entries(arms).flatMap(([name, found]) => {
    const percent = readNumber(found);
    const fine = percent !== null && percent >= 0 && percent <= 100;
    return fine ? [] : [{ path: ['arms', name], found, allowed: 'a percentage from 0 to 100' }];
  });
  if (wrong.length > 0) return wrong;
  const sum = Object.values(arms).reduce<number>(
    (all, each) => all + (readNumber(each) as number),
    0,
  );
  if (Math.abs(sum - 100) <= ROUNDING) return [];
  const foundInWords = `${Number(sum.toFixed(4))} percent in all`;
  return [{ path: ['arms'], found: arms, foundInWords, allowed: 'percentages that add up to 100' }];
}

function wrongNames(names: readonly string[], members: Members | null): SettingMistake[] {
  if (members === null) return [];
  const tierOf = (arm: string): number =>
    members.findIndex((tier) => tier.some(({ id, name }) => id === arm || name === arm));
  const tier = names.map(tierOf).find((at) => at >= 0) ?? -1;
  const known = [...new Set(members.flat().flatMap(({ id, name }) => [name, id]))];
  return names.flatMap((name): SettingMistake[] => {
    const at = { path: ['arms', name], found: name };
    if (tierOf(name) < 0)
      return [{ ...at, allowed: `a deployment of the pool: ${known.slice(0, 20).join(', ')}` }];
    if (spreads(name, members) || tierOf(name) !== tier)
      return [
        { ...at, allowed: `arms that are all in one tier: ${names[0]} is in tier ${tier + 1}` },
      ];
    const whole = name.split('@')[0] as string;
    if (whole !== name && names.includes(whole))
      return [{ ...at, allowed: `each deployment in one arm: ${whole} without @ means all of it` }];
    return [];
  });
}

/** Whether an arm's deployments stand in several tiers. */
const spreads = (arm: string, members: Members): boolean =>
  members.filter((tier) => tier.some(({ name, id }) => name === arm || id === arm)).length > 1;
