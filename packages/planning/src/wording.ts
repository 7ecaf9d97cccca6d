/** Numbers as a person reads them. The same on every machine. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** `61 %`; what is not quite all or nothing does not look like it. */
export function percent(part: number): string {
  if (part > 0 && part < 0.01) return 'under 1 %';
  if (part < 1 && part > 0.99) return 'over 99 %';
  return `${Math.round(part * 100)} %`;
}

/** `12,000`, `0.35`: three digits at least where there are decimals. */
export function number(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}

/** `2.1 s`, `4 min 12 s`, `3 h 5 min`. */
export function duration(ms: number): string {
  if (ms < SECOND_MS - 0.5) return `${number(ms)} ms`;
  if (ms < MINUTE_MS - 50) return `${(ms / SECOND_MS).toFixed(1)} s`;
  const [unit, words] = ms < HOUR_MS - 500 ? [SECOND_MS, ['min', 's']] : [MINUTE_MS, ['h', 'min']];
  const rounded = Math.round(ms / unit);
  const [whole, rest] = [Math.floor(rounded / 60), rounded % 60];
  return rest === 0 ? `${whole} ${words[0]}` : `${whole} ${words[0]} ${rest} ${words[1]}`;
}

/** `$1.20`, `$0.0042`. */
export const dollars = (usd: number): string =>
  usd === 0 || usd >= 0.01
    ? `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
    : `$${Number(usd.toPrecision(2))}`;

/** `a`, `a and b`, `a, b and c`. */
export const listed = (parts: readonly string[]): string =>
  parts.length < 2
    ? (parts[0] ?? 'nothing')
    : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
