/**
 * What the chaos happens to: two of each role as real processes, a Redis with `appendfsync always`, strict simulators, and
 * our own proxies in front of Redis and of the simulators. Whoever ends unasked is started again, as `npm start` does.
 */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, System, TcpProxy, until } from '@sluice/testing';
import type { RoleName } from '@sluice/testing';

export const ACCOUNTS = ['a', 'b'] as const;
const ROLES: readonly RoleName[] = ['api', 'dispatcher', 'worker'];
const EACH = 2;
const HOOKS = new URL('./crash-points.mjs', import.meta.url);
/** As the launcher's first pause. */
const RESTART_MS = 500;

const configOf = (provider: number, rpm: number): string => `
providers:
${ACCOUNTS.map((id) => `  ${id}: { type: openai, base_url: "http://127.0.0.1:${provider}/v1", api_key: ${id} }`).join('\n')}
deployments:
${ACCOUNTS.map((id) => `  ${id}: { provider: ${id}, model: sim, timeout_ms: 8000, limits: { rpm: ${rpm} } }`).join('\n')}
pools: { f: [${ACCOUNTS.join(', ')}] }
webhooks: { secret: whsec_Y2hhb3MtY2hhb3MtY2hhb3MtY2hhb3MtY2hhb3MtMzI=, allow: [127.0.0.0/8], allow_http: true }
retry: { max_attempts: 20 }
`;

const accountOf = (key: string, rpm: number): object => ({
  key,
  format: 'openai',
  limits: { rpm },
  window: 'bucket_1s',
  latency: { first_token_ms: 300, jitter: 0.5 },
  output_tokens: 5,
});

/** Everybody's log, into a folder that outlives the run. */
function copyLogs(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from))
    if (name.endsWith('.log')) copyFileSync(join(from, name), join(to, name));
}

export class Arena {
  readonly system: System;
  readonly redisProxy: TcpProxy;
  readonly providerProxy: TcpProxy;
  /** Addresses of the APIs. */
  readonly apis: string[] = [];
  /** Wall clock at the simulators' time 0, ms. */
  simulatorEpoch = 0;
  readonly #asked = new Set<string>();
  readonly #ports = new Map<string, string>();
  readonly #starting = new Set<Promise<unknown>>();
  #stopping = false;

  private constructor(system: System, redisProxy: TcpProxy, providerProxy: TcpProxy) {
    this.system = system;
    this.redisProxy = redisProxy;
    this.providerProxy = providerProxy;
  }

  /** `rpm`: each account's limit, requests a minute; its window is a second of that. */
  static async start(rpm: number): Promise<Arena> {
    const [redisProxy, providerProxy] = await Promise.all([TcpProxy.start(), TcpProxy.start()]);
    const system = await System.start({
      config: configOf(providerProxy.port, rpm),
      simulator: {
        ledger: true,
        accounts: Object.fromEntries(ACCOUNTS.map((k) => [k, accountOf(k, rpm)])),
      },
      roles: { api: 0, dispatcher: 0, worker: 0 },
      env: {
        REDIS_URL: `redis://127.0.0.1:${redisProxy.port}`,
        NODE_OPTIONS: `--import ${HOOKS.href}`,
        LOG_LEVEL: 'info',
      },
    });
    redisProxy.target = system.redis.port;
    providerProxy.target = Number(new URL(system.simulatorUrl).port);
    const arena = new Arena(system, redisProxy, providerProxy);
    const before = Date.now();
    const { now_ms: now } = await system.simulated<{ now_ms: number }>();
    arena.simulatorEpoch = (before + Date.now()) / 2 - now;
    try {
      await Promise.all(
        ROLES.flatMap((role) => Array.from({ length: EACH }, () => arena.#launch(role))),
      );
    } catch (error) {
      await arena.stop();
      throw error;
    }
    return arena;
  }

  names(role: RoleName): string[] {
    return this.system.names(role);
  }

  /** The dispatcher that says it leads, by the newest such line of their logs. */
  leader(): string {
    const since = (name: string): number => {
      const text = readFileSync(join(this.system.folder, `${name}.log`), 'utf8');
      const line = text.split('\n').findLast((one) => one.includes('"msg":"leading"'));
      return line === undefined ? 0 : (JSON.parse(line) as { time: number }).time;
    };
    const [first] = this.names('dispatcher').toSorted((one, other) => since(other) - since(one));
    return first as string;
  }

  /** SIGKILL; it is started again as anyone who ends unasked. False: it was gone already. */
  async kill(name: string): Promise<boolean> {
    const child = this.system.childOf(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return false;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    return true;
  }

  signal(name: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.system.childOf(name)?.kill(signal);
  }

  /** Says something to the hooks in a process (crash-points.mjs). */
  tell(name: string, message: object): void {
    const child = this.system.childOf(name);
    if (child?.connected) child.send(message, () => undefined);
  }

  /** As `tell`; the number that it answers under this name, 0 where it is gone. */
  ask(name: string, message: object, answer: string): Promise<number> {
    const child = this.system.childOf(name);
    // The channel of one that has ended may still seem open.
    if (!this.isUp(name) || !child.connected) return Promise.resolve(0);
    return new Promise((resolve) => {
      const hear = (told: Record<string, number>): void => {
        if (told[answer] !== undefined) end(told[answer]);
      };
      const end = (value: number): void => {
        child.off('message', hear).off('exit', gone);
        resolve(value);
      };
      const gone = (): void => end(0);
      child.on('message', hear).once('exit', gone);
      child.send(message, () => undefined);
    });
  }

  /** Calls of an account that were refused, failed, dropped or given up so far. */
  async notAnswered(account: string): Promise<number> {
    type Tally = Record<'calls' | 'ok' | 'open', number>;
    const { accounts } = await this.system.simulated<{ accounts: Record<string, Tally> }>();
    const { calls, ok, open } = accounts[account] as Tally;
    return calls - ok - open;
  }

  isUp(name: string): boolean {
    const child = this.system.childOf(name);
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  killRedis(): void {
    process.kill(this.system.redis.pid, 'SIGKILL');
  }

  /** `CONFIG SET`, past the proxy. */
  async configureRedis(name: string, value: string): Promise<void> {
    await this.#atRedis((redis) => redis.config('SET', name, value));
  }

  /** Commands and scripts that Redis refused because its memory is full. */
  async refusedByRedis(): Promise<number> {
    const text = await this.#atRedis((redis) => redis.info('errorstats'));
    return Number(/errorstat_OOM:count=(\d+)/u.exec(text)?.[1] ?? 0);
  }

  async #copyRedis(to: string): Promise<void> {
    const [, folder = ''] = await this.#atRedis((redis) => redis.config('GET', 'dir'));
    const name = 'appendonlydir';
    cpSync(join(folder, name), join(to, name), { recursive: true, force: true });
  }

  async #atRedis<T>(act: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.system.redis.url);
    try {
      return await act(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** Everybody who ended is back. */
  async whole(): Promise<void> {
    await until(
      'everybody is back',
      () => ROLES.every((role) => this.names(role).length === EACH) && this.#starting.size === 0,
      { timeoutMs: 60_000, everyMs: 50 },
    );
  }

  /** `keepLogs`: a folder that the processes' logs are copied to, and what Redis holds (`redis-server --dir` reads it). */
  async stop(keepLogs = ''): Promise<void> {
    this.#stopping = true;
    await Promise.allSettled(this.#starting);
    if (keepLogs) {
      copyLogs(this.system.folder, keepLogs);
      await this.#copyRedis(keepLogs);
    }
    await this.system.stop();
    await Promise.all([this.redisProxy.stop(), this.providerProxy.stop()]);
  }

  async #launch(role: RoleName, port?: string): Promise<void> {
    const own = role === 'api' ? (port ?? String(await freePort())) : undefined;
    if (own !== undefined && port === undefined) this.apis.push(`http://127.0.0.1:${own}`);
    const name = await this.system.launch(role, [], own === undefined ? {} : { PORT: own });
    if (own !== undefined) this.#ports.set(name, own);
    this.#keep(role, name);
  }

  #keep(role: RoleName, name: string): void {
    const child = this.system.childOf(name);
    const again = (): void => {
      if (this.#stopping || this.#asked.has(name)) return;
      this.#asked.add(name);
      void this.system.end(name);
      const starting: Promise<void> = new Promise((resolve) => setTimeout(resolve, RESTART_MS))
        .then(() => (this.#stopping ? undefined : this.#launch(role, this.#ports.get(name))))
        .catch(() => this.#retry(role, this.#ports.get(name)))
        .finally(() => this.#starting.delete(starting));
      this.#starting.add(starting);
    };
    if (child.exitCode !== null || child.signalCode !== null) again();
    else child.once('exit', again);
  }

  /** A start failed, as it does while Redis is away: again until it does not. */
  async #retry(role: RoleName, port: string | undefined): Promise<void> {
    for (const name of this.names(role)) if (!this.isUp(name)) await this.system.end(name);
    if (this.#stopping) return;
    await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
    await this.#launch(role, port).catch(() => this.#retry(role, port));
  }
}
