/**
 * What is in force now: the config as last read, and what operators have set over it. Kept in Redis under `{ctl}`, told
 * by pub/sub and looked up twice a second as well, because a message may be missed: in force everywhere within a second.
 *
 *   <prefix>:{ctl}:overrides  hash    see override.ts
 *   <prefix>:{ctl}:control    hash    `overrides` and `reload`: how often either has changed
 *   <prefix>:control          pub/sub channel: something of that did
 */
import type { Fleet } from '@sluice/job';
import type { Redis } from 'ioredis';
import { changeFleet } from './change-fleet.ts';
import type { FleetChange } from './change-fleet.ts';
import { fieldChanges, overriddenFleet, readOverrides } from './override.ts';
import type { Override, OverridePatch, Wish } from './override.ts';

/** A config file as read: its fleet and whatever else the role makes of it; or every mistake in it. */
export type ReadConfig<Config> = () =>
  | ({ kind: 'ok' } & Config)
  | { kind: 'invalid'; report: string };

export interface Applied<Config> {
  change: FleetChange;
  /** Null: only overrides changed. */
  config: Config | null;
}

export type ReloadResult<Config> =
  | ({ kind: 'ok' } & Applied<Config>)
  /** Nothing changed. */
  | { kind: 'invalid'; report: string };

export interface LiveControlOptions<Config> {
  redis: Redis;
  /** A connection of its own (role `subscriber`), which it owns. */
  subscriber: Redis;
  prefix: string;
  /** The one that everybody in this process holds. */
  fleet: Fleet;
  readConfig: ReadConfig<Config>;
  /** Called in the same turn in which the fleet's content changes. */
  onApplied: (applied: Applied<Config>) => void;
  /** Another process had the config read anew, and this process's own file has mistakes: it goes on as before. */
  onInvalid: (report: string) => void;
}

const EVERY_MS = 500;

interface Versions {
  overrides: string | null;
  reload: string | null;
}

export class LiveControl<Config extends { fleet: Fleet }> {
  readonly #options: LiveControlOptions<Config>;
  readonly #keys: { overrides: string; control: string; channel: string };
  /** The fleet of the file, without overrides. */
  #configured: Fleet;
  #overrides = new Map<string, Override>();
  #seen: Versions | null = null;
  /** Without Redis: a reload may have been told before this process could hear of it. */
  #startedAlone = false;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  /** One at a time: what is applied last is what was read last. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LiveControlOptions<Config>) {
    const { prefix, fleet } = options;
    this.#options = options;
    this.#keys = {
      overrides: `${prefix}:{ctl}:overrides`,
      control: `${prefix}:{ctl}:control`,
      channel: `${prefix}:control`,
    };
    this.#configured = { ...mapsOf(fleet) };
  }

  /** Resolves when what Redis holds is in force; without Redis at once, and then when it comes. */
  async start(): Promise<void> {
    const { subscriber } = this.#options;
    subscriber.on('message', () => void this.sync());
    void subscriber.subscribe(this.#keys.channel).catch(() => undefined);
    await this.sync();
    this.#startedAlone = this.#seen === null;
    this.#plan();
  }

  #plan(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.sync().finally(() => this.#plan()), EVERY_MS);
  }

  wishOf(deployment: string): Wish {
    return this.#overrides.get(deployment)?.state ?? 'active';
  }

  /** What is set over the config; null = nothing. */
  overrideOf(deployment: string): Override | null {
    return this.#overrides.get(deployment) ?? null;
  }

  /** The fleet as the file has it. */
  get configured(): Fleet {
    return this.#configured;
  }

  /**
   * Sets and clears for these deployments, all at once, for all processes; resolves when it is in force in this one.
   * Rejects when Redis cannot be asked.
   */
  async patch(deployments: readonly string[], patch: OverridePatch): Promise<void> {
    const { overrides, control, channel } = this.#keys;
    const all = this.#options.redis.multi();
    for (const deployment of deployments) {
      const { set, clear } = fieldChanges(deployment, patch);
      if (Object.keys(set).length > 0) all.hset(overrides, set);
      if (clear.length > 0) all.hdel(overrides, ...clear);
    }
    all.hincrby(control, 'overrides', 1).publish(channel, 'overrides');
    await all.exec();
    await this.#next(() => this.#syncOverrides());
  }

  /**
   * Reads this process's config anew and, if it is right, has all others do the same with theirs. Rejects when Redis cannot be
   * asked: then it is in force nowhere, or, should Redis have heard of it, soon in all processes, this one among them.
   */
  reload(): Promise<ReloadResult<Config>> {
    return this.#next(async () => {
      const read = this.#options.readConfig();
      if (read.kind === 'invalid') return read;
      const { redis } = this.#options;
      const { control, channel } = this.#keys;
      const reload = await redis.hincrby(control, 'reload', 1);
      if (this.#seen) this.#seen.reload = String(reload);
      const result = this.#take(read);
      // They look it up as well.
      await redis.publish(channel, 'reload').catch(() => undefined);
      return result;
    });
  }

  /** Takes up what others have changed. Never rejects: without Redis what was in force stays so. */
  sync(): Promise<void> {
    return this.#next(async () => {
      const { redis } = this.#options;
      const [overrides = null, reload = null] = await redis.hmget(
        this.#keys.control,
        'overrides',
        'reload',
      );
      const before = this.#seen;
      this.#seen = { overrides, reload };
      const unheard = before === null ? this.#startedAlone : before.reload !== reload;
      if (unheard) {
        const result = this.#read();
        if (result.kind === 'invalid') this.#options.onInvalid(result.report);
      }
      if (before?.overrides !== overrides || before === null) {
        await this.#syncOverrides().catch((error: unknown) => {
          this.#seen = before;
          throw error;
        });
      }
    }).catch(() => undefined);
  }

  #read(): ReloadResult<Config> {
    const read = this.#options.readConfig();
    return read.kind === 'invalid' ? read : this.#take(read);
  }

  #take(config: Config): ReloadResult<Config> & { kind: 'ok' } {
    this.#configured = mapsOf(config.fleet);
    return { kind: 'ok', ...this.#apply(config) };
  }

  async #syncOverrides(): Promise<void> {
    this.#overrides = readOverrides(await this.#options.redis.hgetall(this.#keys.overrides));
    this.#apply(null);
  }

  #apply(config: Config | null): Applied<Config> {
    const { fleet, onApplied } = this.#options;
    const change = changeFleet(fleet, overriddenFleet(this.#configured, this.#overrides));
    const applied = { change, config };
    if (!this.#closed) onApplied(applied);
    return applied;
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#options.subscriber.disconnect();
  }
}

/** Maps of its own: those of the process's fleet change. */
const mapsOf = ({ deployments, budgets, pools }: Fleet): Fleet => ({
  deployments: new Map(deployments),
  budgets: new Map(budgets),
  pools: new Map(pools),
});
