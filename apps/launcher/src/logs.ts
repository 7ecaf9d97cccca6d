/** Where the children's logs go: into files while a person reads the terminal, else where the launcher's own output goes. */
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const TAIL_LINES = 12;

export class Logs {
  readonly #folder: string | null;
  readonly #open: number[] = [];

  /** `folder` null = no files. */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /** A new file for this child; the one before is kept as `….log.1`. */
  of(name: string): number | 'inherit' {
    if (this.#folder === null) return 'inherit';
    const file = this.#file(name);
    if (existsSync(file)) renameSync(file, `${file}.1`);
    const descriptor = openSync(file, 'a', 0o600);
    this.#open.push(descriptor);
    return descriptor;
  }

  /** The last lines of a child's file, for when it did not start. */
  tail(name: string): string {
    if (this.#folder === null) return '';
    const lines = readFileSync(this.#file(name), 'utf8').trimEnd().split('\n');
    return `\n${lines.slice(-TAIL_LINES).join('\n')}\n(${this.#file(name)})`;
  }

  close(): void {
    for (const descriptor of this.#open) closeSync(descriptor);
  }

  #file(name: string): string {
    return join(this.#folder as string, `${name}.log`);
  }
}
