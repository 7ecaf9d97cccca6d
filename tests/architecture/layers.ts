/**
 * Who may import whom. Imports point one way: apps → I/O packages → pure policy packages → job; never sideways.
 * Nothing else enforces it: npm hoists, so an undeclared import of a workspace resolves, type-checks and runs.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Lowest first. A package imports only from layers below its own. */
export const LAYERS: readonly (readonly string[])[] = [
  ['job'],
  ['balancing', 'budget', 'fairness', 'planning', 'prediction', 'retry', 'routing', 'windows'],
  ['simulation'],
  ['config', 'providers', 'admission', 'control', 'ledger', 'queues', 'files', 'role', 'webhooks'],
  ['api', 'dispatcher', 'doctor', 'worker', 'simulate', 'simulator', 'launcher'],
];

/** Only tests import it. */
const TESTING = 'testing';
const SCOPE = '@sluice/';

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

interface Room {
  /** `packages/job`. */
  folder: string;
  name: string;
  manifest: Manifest;
}

/** Sentences, one per violation, for the project under `root`. */
export function violations(root: string): string[] {
  const rooms = ['packages', 'apps'].flatMap((kind) => roomsIn(root, kind));
  return rooms.flatMap((room) => [
    ...strangers(room),
    ...upwardDependencies(room),
    ...badImports(root, room),
  ]);
}

function roomsIn(root: string, kind: string): Room[] {
  if (!existsSync(join(root, kind))) return [];
  return readdirSync(join(root, kind)).flatMap((name) => {
    const file = join(root, kind, name, 'package.json');
    if (!existsSync(file)) return [];
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
    return [{ folder: `${kind}/${name}`, name, manifest }];
  });
}

const layerOf = (name: string): number => LAYERS.findIndex((layer) => layer.includes(name));

function strangers({ folder, name, manifest }: Room): string[] {
  if (manifest.name !== `${SCOPE}${name}`)
    return [`${folder} is called ${manifest.name}, not ${SCOPE}${name}`];
  return layerOf(name) < 0 && name !== TESTING
    ? [`${folder} stands in no layer: add it to tests/architecture/layers.ts`]
    : [];
}

function upwardDependencies({ folder, name, manifest }: Room): string[] {
  return Object.keys(manifest.dependencies ?? {})
    .filter((dependency) => dependency.startsWith(SCOPE))
    .filter((dependency) => !mayImport(name, dependency.slice(SCOPE.length)))
    .map(
      (dependency) =>
        `${folder}/package.json depends on ${dependency}, which is not in a lower layer`,
    );
}

const mayImport = (from: string, to: string): boolean =>
  layerOf(to) >= 0 && layerOf(to) < layerOf(from);

function badImports(root: string, room: Room): string[] {
  const source = join(root, room.folder, 'src');
  if (!existsSync(source)) return [];
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(source, file), 'utf8');
      return importsOf(text).flatMap((specifier) => judge(room, `src/${file}`, specifier));
    });
}

/** Every `from '…'`, `import '…'` and `import('…')`; the formatter guarantees the single quotes. */
function importsOf(text: string): string[] {
  const pattern =
    /^(?:import|export)\b[^'"`;]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(pattern)].map(
    ([, from, bare, dynamic]) => (from ?? bare ?? dynamic) as string,
  );
}

function judge(room: Room, file: string, specifier: string): string[] {
  const where = `${room.folder}/${file}`;
  if (specifier.startsWith('node:')) return [];
  if (specifier.startsWith('.')) return judgeOwn(where, specifier);
  const name = packageOf(specifier);
  if (!declared(room, file).includes(name)) {
    return [`${where} imports ${name}, which ${room.folder}/package.json does not declare`];
  }
  if (!name.startsWith(SCOPE) || mayImport(room.name, name.slice(SCOPE.length))) return [];
  if (name === `${SCOPE}${TESTING}` && isTest(file)) return [];
  return isTest(file) ? [] : [`${where} imports ${name}, which is not in a lower layer`];
}

function judgeOwn(where: string, specifier: string): string[] {
  if (/(^|\/)index\.ts$/.test(specifier))
    return [`${where} imports its own package's ${specifier}`];
  const climbs = specifier.split('/').filter((part) => part === '..').length;
  const depth = where.split('/').length - 3;
  return climbs >= depth ? [`${where} imports ${specifier}, outside its package's src`] : [];
}

/** Tests and what only tests use: `example-….ts`, `test-….ts`, `….suite.ts`. */
const isTest = (file: string): boolean =>
  /\.test\.ts$|\.suite\.ts$|(^|\/)(example|test)-[^/]+\.ts$/.test(file);

/** Tests may use devDependencies too, and what the root declares for all tests. */
function declared({ manifest }: Room, file: string): string[] {
  const own = Object.keys(manifest.dependencies ?? {});
  return isTest(file)
    ? [...own, ...Object.keys(manifest.devDependencies ?? {}), ...TEST_TOOLS]
    : own;
}

const TEST_TOOLS = ['fast-check', 'openai', 'openai-5', 'zod'];

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
