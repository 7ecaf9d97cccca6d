// Finds the test files of the project.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './environment.mjs';

/** Paths from the project's root, sorted, of every `*.test.ts` under these folders, packages' own node_modules left out. */
export function testFiles(folders) {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, file)),
    )
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
    .toSorted();
}
