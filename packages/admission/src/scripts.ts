/** The Lua scripts beside this file as commands of a Redis connection, each behind what they have in common. */
import { readFileSync } from 'node:fs';
import { GIVEN_SHARE, LEARNING, LONGEST_DEBT_MS, PRODUCING } from '@sluice/budget';
import type { ClientContext, Redis, Result } from 'ioredis';

type Argument = string | number;
/** Number of keys, the keys, the arguments: as each script's header lists them. */
type Script<Reply, Context extends ClientContext> = (
  keys: number,
  ...rest: Argument[]
) => Result<Reply, Context>;

declare module 'ioredis' {
  interface RedisCommander<Context extends ClientContext> {
    sluiceBook: Script<number[], Context>;
    sluiceSettle: Script<number[], Context>;
    sluiceCount: Script<number[], Context>;
    sluiceRefuse: Script<[number, number, number], Context>;
    sluiceObserve: Script<number, Context>;
    sluiceMark: Script<number[], Context>;
    sluiceRenew: Script<[number, ...string[]], Context>;
    sluiceReadBudgets: Script<[number, string[], string[], ...number[]], Context>;
  }
}

/** Those that count: done once, however often they are sent. */
const ONCE = {
  sluiceBook: 'book.lua',
  sluiceSettle: 'settle.lua',
  sluiceCount: 'count.lua',
  sluiceRefuse: 'refuse.lua',
  sluiceMark: 'mark.lua',
} as const;
/** Those that may be done again. */
const PLAIN = {
  sluiceObserve: 'observe.lua',
  sluiceRenew: 'renew.lua',
  sluiceReadBudgets: 'read.lua',
} as const;

const textOf = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');

/** Exact numbers: Lua reads them as JavaScript does. */
const table = (figures: Record<string, number>): string =>
  `{${Object.entries(figures)
    .map(([name, value]) => `${name}=${value}`)
    .join()}}`;
const figures =
  `local LEARNING, PRODUCING = ${table(LEARNING)}, ${table(PRODUCING)}\n` +
  `local LONGEST_DEBT_MS, GIVEN_SHARE = ${LONGEST_DEBT_MS}, ${GIVEN_SHARE}\n`;
const common = figures + textOf('learnt.lua') + textOf('produced.lua');

const once = (text: string): string => `local function act()\n${text}\nend\n${textOf('once.lua')}`;

const sources = [
  ...Object.entries(ONCE).map(([command, file]) => [command, once(textOf(file))] as const),
  ...Object.entries(PLAIN).map(([command, file]) => [command, textOf(file)] as const),
].map(([command, text]) => [command, common + text] as const);

/** Gives a connection the commands; again is harmless. */
export function defineScripts(redis: Redis): void {
  for (const [command, lua] of sources) redis.defineCommand(command, { lua });
}
