/** What the doctor found: one sentence about one thing, and what to do about it. Never a secret. */
export interface Finding {
  /** `config`, `redis` or `deployments.<id>`. */
  about: string;
  /** `error`: it will not work as configured. `warning`: it works, and probably not as meant. */
  level: 'ok' | 'warning' | 'error';
  says: string;
  /** What to do. */
  advice?: string;
}

export const good = (about: string, says: string): Finding => ({ about, level: 'ok', says });
export const warning = (about: string, says: string, advice: string): Finding => ({
  about,
  level: 'warning',
  says,
  advice,
});
export const wrong = (about: string, says: string, advice: string): Finding => ({
  about,
  level: 'error',
  says,
  advice,
});

const MARKS = { ok: 'ok      ', warning: 'warning ', error: 'ERROR   ' } as const;

/** For a terminal. */
export function report(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ about, level, says, advice }) => [
    `${MARKS[level]} ${about}: ${says}`,
    ...(advice === undefined ? [] : [`          → ${advice}`]),
  ]);
  const count = (level: 'error' | 'warning'): string => {
    const { length } = findings.filter((one) => one.level === level);
    return `${length} ${level}${length === 1 ? '' : 's'}`;
  };
  return [...lines, '', `${count('error')}, ${count('warning')}`].join('\n');
}
