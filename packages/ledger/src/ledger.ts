/** The ledger: a connection, the keys and the scripts. All functions of this package take one. */
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { makeKeys } from './keys.ts';
import { LargeTexts } from './large-texts.ts';
import type { Keys } from './keys.ts';
import { Takings } from './takings.ts';

export interface Ledger {
  redis: Redis;
  keys: Keys;
  /** For requests and answers of any size. */
  large: LargeTexts;
  /** How usage is counted; null: this process ends no jobs, and counts none. */
  usage: UsageRules | null;
  takings: Takings;
}

/** How usage is counted. */
export interface UsageRules {
  /** How long an hour of it is kept, s. */
  keepSeconds: number;
  /** Metadata keys that usage is told apart by. */
  metadataKeys: readonly string[];
  /** Values of one key, tenant, hour and slot that are told apart. */
  metadataValues: number;
}

export type ScriptName =
  | 'accept-record'
  | 'hand-back'
  | 'end-job'
  | 'leave-backlog'
  | 'read-job'
  | 'place-entry'
  | 'claim-entry'
  | 'renew-leases'
  | 'store-outcomes'
  | 'hold-recorder'
  | 'give-up-lease'
  | 'record-job'
  | 'record-lines'
  | 'move-batch'
  | 'feed-chunks'
  | 'drop-chunk'
  | 'split-chunk'
  | 'outcomes-left'
  | 'running-lines'
  | 'finish-batch'
  | 'use-file'
  | 'unlist'
  | 'sift-records'
  | 'read-lists'
  | 'delete-file'
  | 'add-part'
  | 'end-upload'
  | 'take-lead'
  | 'take-allowance'
  | 'settle-open'
  | 'raise-token';

const NAMES: readonly ScriptName[] = [
  'accept-record',
  'hand-back',
  'end-job',
  'leave-backlog',
  'read-job',
  'place-entry',
  'claim-entry',
  'renew-leases',
  'store-outcomes',
  'hold-recorder',
  'give-up-lease',
  'record-job',
  'record-lines',
  'move-batch',
  'feed-chunks',
  'drop-chunk',
  'split-chunk',
  'outcomes-left',
  'running-lines',
  'finish-batch',
  'use-file',
  'unlist',
  'sift-records',
  'read-lists',
  'delete-file',
  'add-part',
  'end-upload',
  'take-lead',
  'take-allowance',
  'settle-open',
  'raise-token',
];

const fileOf = (name: string): string =>
  readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');

/** Scripts that count usage in the step that ends something. */
const COUNTING: ReadonlySet<ScriptName> = new Set([
  'end-job',
  'record-job',
  'record-lines',
  'finish-batch',
]);

/** Scripts that tell who waits for it. */
const TELLING: ReadonlySet<ScriptName> = new Set(['end-job', 'record-job', 'finish-batch']);

/** Scripts that put something into the backlog or take it out. */
const BACKLOGGING: ReadonlySet<ScriptName> = new Set([
  'accept-record',
  'end-job',
  'leave-backlog',
  'place-entry',
]);

const BEFORE: readonly [string, ReadonlySet<ScriptName>][] = [
  ['count-usage', COUNTING],
  ['tell-end', TELLING],
  ['wait-in-backlog', BACKLOGGING],
];

const source = (name: ScriptName): string =>
  [...BEFORE.flatMap(([part, scripts]) => (scripts.has(name) ? [part] : [])), name]
    .map(fileOf)
    .join('');

/** Binds the scripts to a connection. `large`: another one for large texts, where people wait for the small ones. */
export function openLedger(
  redis: Redis,
  prefix: string,
  { large = redis, usage = null }: { large?: Redis; usage?: UsageRules | null } = {},
): Ledger {
  for (const name of NAMES) {
    const script = { lua: source(name) };
    for (const each of new Set([redis, large])) each.defineCommand(commandOf(name), script);
  }
  const keys = makeKeys(prefix);
  return { redis, keys, large: new LargeTexts(large), usage, takings: new Takings() };
}

const commandOf = (name: ScriptName): string => `sluice_${name.replaceAll('-', '_')}`;

export type ScriptArgument = string | number | Buffer;
type Command = (count: number, ...rest: ScriptArgument[]) => Promise<unknown>;

/** Runs a script. Errors are Redis's own (out of reach, out of memory). */
export function run(
  ledger: Ledger,
  name: ScriptName,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  const commands = ledger.redis as unknown as Record<string, Command>;
  const command = commands[commandOf(name)] as Command;
  return command.call(ledger.redis, keys.length, ...keys, ...args);
}
