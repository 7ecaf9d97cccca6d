/** One line of the table of what must be shown. */
export interface Row {
  what: string;
  measured: string;
  /** As the project promises it; null = printed beside for comparison. */
  wanted: string | null;
  holds: boolean | null;
}

export const atMost = (what: string, value: number, most: number, unit = ''): Row => ({
  what,
  measured: `${figure(value)}${unit}`,
  wanted: `≤ ${figure(most)}${unit}`,
  holds: value <= most,
});

export const atLeast = (what: string, value: number, least: number, unit = ''): Row => ({
  what,
  measured: `${figure(value)}${unit}`,
  wanted: `≥ ${figure(least)}${unit}`,
  holds: value >= least,
});

export const beside = (what: string, measured: string): Row => ({
  what,
  measured,
  wanted: null,
  holds: null,
});

const figure = (value: number): string =>
  String(Number(value.toFixed(value < 10 ? 3 : value < 100 ? 1 : 0)));

/** Prints the table; a bound that is missed makes the process end with 1. */
export function printRows(rows: readonly Row[]): void {
  for (const { what, measured, wanted, holds } of rows) {
    const verdict = wanted === null ? '' : `${wanted.padEnd(12)} ${holds ? 'ok' : 'MISSED'}`;
    console.log(`  ${what.padEnd(48)} ${measured.padStart(12)}   ${verdict}`.trimEnd());
    if (holds === false) process.exitCode = 1;
  }
}
