/** For tests: the API in this process on a free port, with a Redis and a data folder of its own. */
import { loadConfig } from '@sluice/config';
import type { Loaded, Settings } from '@sluice/config';
import { localStore, storeMark } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { connectRedis, openLedger } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { startApi } from './start-api.ts';

/** Two OpenAI-compatible deployments and one Anthropic; nothing calls them here. */
export const FLEET = `
providers:
  a: { type: openai, api_key: a, base_url: "http://127.0.0.1:9/v1" }
  c: { type: anthropic, api_key: c, base_url: "http://127.0.0.1:9" }
deployments:
  mini: { provider: a, model: m, limits: { rpm: 600 }, price: { input: 0.1, output: 0.4 } }
  haiku: { provider: c, model: h }
pools:
  fast: { tiers: [[mini], [haiku]], aliases: [gpt-4o-mini] }
  smart: [haiku]
webhooks: { allow: [127.0.0.0/8], allow_http: true }
`;

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // The tests say what they expect of it.
  // oxlint-disable-next-line typescript/no-explicit-any
  json: any;
}

export interface TestApi {
  url: string;
  port: number;
  redis: TestRedis;
  ledger: Ledger;
  settings: Settings;
  call: (line: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
  /** Its folder of data. */
  dataDir: string;
  /** Files in the store, whole ones and partial ones. */
  stored: () => string[];
  /** The store, opened anew. */
  store: () => FileStore;
  /** Tells the API alone to stop, as SIGTERM does. */
  stopApi: () => Promise<void>;
  stop: () => Promise<void>;
}

function loadedFrom(text: string): Loaded {
  const loaded = loadConfig({ source: { text }, env: {} });
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.mistakes));
  return loaded;
}

/** `reloaded`: what its config says when it is read anew. `redisAway`: it comes only after the API has started. */
export async function startTestApi({
  fleet = FLEET,
  config = '',
  reloaded = null as string | null,
  redisAway = false,
} = {}): Promise<TestApi> {
  const loaded = loadedFrom(fleet + config);
  const redis = await startRedis();
  if (redisAway) process.kill(redis.pid, 'SIGKILL');
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-api-'));
  const environment = {
    port: 0,
    host: '127.0.0.1',
    allowOpen: false,
    redisUrl: redis.url,
    prefix: 'test',
    configPath: null,
    dataDir,
    logLevel: 'silent' as const,
  };
  await storeMark({ store: 'local' }, join(dataDir, 'files')).write('test');
  const setup = { ...loaded, environment, source: 'test', redisUrl: redis.url };
  let stopping: Promise<void> | null = null;
  const readConfig = () => ({ ...setup, ...loadedFrom(reloaded ?? fleet + config) });
  const running = await startApi({ ...setup, readConfig }, pino({ level: 'silent' }));
  if (redisAway) await redis.restart();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  const url = `http://127.0.0.1:${running.port}`;
  return {
    url,
    port: running.port,
    redis,
    ledger,
    settings: loaded.config,
    dataDir,
    call: (line, body, headers) => call(url, line, { body, headers: headers ?? {} }),
    store: () => localStore(join(dataDir, 'files')),
    stored: () => filesIn(join(dataDir, 'files')),
    stopApi: () => (stopping ??= running.stop(20_000)),
    async stop() {
      await (stopping ??= running.stop(2_000));
      ledger.redis.disconnect();
      await redis.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function call(
  url: string,
  line: string,
  { body, headers }: { body: unknown; headers: Record<string, string> },
): Promise<Answer> {
  const [method = 'GET', path = '/'] = line.split(' ');
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url + path, {
    method,
    ...(text === undefined ? {} : { body: text }),
    headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  const answer = await response.text();
  const isJson = /^application\/json\b/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text: answer,
    json: isJson && answer !== '' ? (JSON.parse(answer) as unknown) : null,
  };
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'store-id')
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

export const chat = (text = 'hi') => ({ messages: [{ role: 'user', content: text }] });

/** What the recorder would write: the job's end, told to those who wait. */
export async function endJobAs(
  { redis, keys }: Ledger,
  id: string,
  fields: Record<string, string | number>,
): Promise<void> {
  await redis.hset(keys.job(id), fields);
  await redis.publish(keys.changes, `${id} ${fields['status']}`);
}
