/**
 * Reads a config file: YAML, variables, schema, names; then the fleet, the tenants and the settings. All mistakes
 * come at once; nothing of a wrong file is used.
 */
import { readFileSync } from 'node:fs';
import type { Fleet, Tenant } from '@sluice/job';
import { buildFleet } from './build-fleet.ts';
import { checkNames } from './check-names.ts';
import { checkParams } from './check-params.ts';
import { checkRoutes } from './check-routes.ts';
import { checkSchema, valueAt } from './check-schema.ts';
import { fillIn } from './fill-in.ts';
import type { Surroundings } from './fill-in.ts';
import type { EnvFile } from './env-files.ts';
import type { Mistake } from './mistake.ts';
import { showFound } from './mistake.ts';
import { outline } from './outline.ts';
import { readYaml } from './read-yaml.ts';
import type { SimulateSection } from './schema/simulate.ts';
import type { ConfigFile } from './schema/file.ts';
import { buildSettings, buildTenants } from './settings.ts';
import type { Settings } from './settings.ts';
import { findWarnings } from './warnings.ts';

export interface Loaded {
  kind: 'ok';
  config: Settings;
  fleet: Fleet;
  tenants: readonly Tenant[];
  /** How each deployment's provider behaves in a simulation, by deployment id. */
  simulated: Map<string, SimulateSection>;
  warnings: string[];
}

export type LoadResult = Loaded | { kind: 'invalid'; mistakes: Mistake[] };

export interface LoadRequest {
  /** The file to read, or its text. */
  source: { path: string } | { text: string };
  /** For `${X}`. */
  env: Record<string, string | undefined>;
  /** The `.env` files that `env` was read from too, for the message about a variable that is not set. */
  envFiles?: readonly EnvFile[];
  /** For the file itself and `${file:…}`; throws what `fs.readFileSync` throws. */
  readFile?: (path: string) => string;
}

const readUtf8 = (path: string): string => readFileSync(path, 'utf8');

/** Never throws for what the file says. Mistakes come in the order of the file. */
export function loadConfig(request: LoadRequest): LoadResult {
  const { source, env, envFiles = [], readFile = readUtf8 } = request;
  const around = { env, envFiles, readFile };
  if ('text' in source) return loadText(source.text, around);
  try {
    return loadText(readFile(source.path), around);
  } catch (error) {
    const found = `${source.path}: ${(error as { code?: string }).code ?? 'unreadable'}`;
    const allowed = 'a file that can be read by this process';
    return { kind: 'invalid', mistakes: [{ path: '', at: [], found, allowed }] };
  }
}

function loadText(text: string, around: Surroundings): LoadResult {
  const { tree: raw, mistakes, lineOf } = readYaml(text);
  if (raw === undefined) return { kind: 'invalid', mistakes };
  const filled = fillIn(raw, around, mistakes);
  const checked = checkSchema(filled, raw);
  const names = namesIn(filled).map((one) => asWritten(one, filled, raw));
  mistakes.push(...checked.mistakes, ...names);
  if (mistakes.length > 0 || checked.file === null) {
    const placed = mistakes.map((one) => withLine(one, lineOf(one.at)));
    return { kind: 'invalid', mistakes: firstPerPath(placed) };
  }
  return loaded(checked.file);
}

function namesIn(filled: unknown): Mistake[] {
  const file = outline(filled);
  return [...checkNames(file), ...checkParams(filled), ...checkRoutes(filled, file)];
}

function loaded(file: ConfigFile): Loaded {
  const fleet = buildFleet(file);
  const tenants = buildTenants(file);
  const warnings = findWarnings(file, fleet, tenants);
  return {
    kind: 'ok',
    config: buildSettings(file),
    fleet,
    tenants,
    simulated: simulatedOf(file, fleet),
    warnings,
  };
}

const simulatedOf = (file: ConfigFile, { deployments }: Fleet): Loaded['simulated'] =>
  new Map(
    [...deployments.values()].map(({ id, name }) => [
      id,
      (file.deployments[name] as ConfigFile['deployments'][string]).simulate,
    ]),
  );

/** Quotes what stands in the file instead of what was filled in. */
function asWritten(mistake: Mistake, filled: unknown, raw: unknown): Mistake {
  const [value, written] = [valueAt(filled, mistake.at), valueAt(raw, mistake.at)];
  if (value === written) return mistake;
  const found = mistake.found.replace(showFound(value, mistake.at), () =>
    showFound(written, mistake.at),
  );
  return { ...mistake, found };
}

const withLine = (mistake: Mistake, line: number | undefined): Mistake =>
  line === undefined || mistake.line !== undefined ? mistake : { ...mistake, line };

/** An unset variable also fails the schema: said once. */
function firstPerPath(mistakes: Mistake[]): Mistake[] {
  const seen = new Set<string>();
  return mistakes
    .filter(({ path }) => path === '' || (!seen.has(path) && seen.add(path)))
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
