/** Puts a dispatcher together from an installation: recorder, webhooks, leadership and, in a term, the term's parts. */
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { Admission } from '@sluice/admission';
import { KNOWN_WINDOW } from '@sluice/budget';
import { takeLive, usageRules } from '@sluice/config';
import type { Installation } from '@sluice/config';
import { LiveControl } from '@sluice/control';
import type { ReadConfig } from '@sluice/control';
import { openStore, whereOf } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { connectRedis, openLedger, RedisClock } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { fallbackQueue, openQueue, QUEUES, runQueue, stepPriority } from '@sluice/queues';
import type { EntryData, StepData } from '@sluice/queues';
import { ArmsBook } from './arms-book.ts';
import { predicted } from './chooser.ts';
import type { DispatcherEvents } from './events.ts';
import { Intake } from './intake.ts';
import { Learned } from './learned.ts';
import { DataWatch } from './data-watch.ts';
import { Leadership } from './leadership.ts';
import { LengthsBook } from './lengths-book.ts';
import { LengthsKeeper } from './lengths-keeper.ts';
import { recordBatch } from './record-batch.ts';
import type { RecordBatchPorts } from './record-batch.ts';
import { recordJobs } from './record-jobs.ts';
import type { RecordJobsPorts } from './record-jobs.ts';
import { Recorder } from './recorder.ts';
import { RetryBudgets } from '@sluice/retry';
import { Segments } from './segments.ts';
import { Term } from './term.ts';
import { startWebhooks } from './webhooks.ts';
import { within } from './within.ts';
import { WritingTrouble } from './writing-trouble.ts';

export interface DispatcherOptions {
  installation: Installation;
  redisUrl: string;
  filesFolder: string;
  /** Unique among processes. */
  holder: string;
  events: DispatcherEvents;
  /** For a reload; absent: there is nothing to read anew. */
  readConfig?: ReadConfig<Installation>;
  now?: () => number;
  random?: () => number;
}

export interface Dispatcher {
  /** Reads the config anew, here and in all other processes. */
  reload: () => Promise<void>;
  /** Ends the term, records what is read, gives the lead and the slots to whoever stands by. */
  stop: () => Promise<void>;
}

/** Finished entries that each queue keeps for people to look at (contract: Bull Board). */
const KEEP = 1_000;
/** Of the lead: whoever dies leading is followed within this and a fifth of a second. */
const LEASE_MS = 3_000;
/** For each part: more than a webhook's or a call's usual time, less than anybody's patience. */
const STOP_WITHIN_MS = 7_000;

interface Parts extends Required<Omit<DispatcherOptions, 'readConfig'>> {
  control: LiveControl<Installation>;
  ledger: Ledger;
  redis: Redis;
  store: FileStore;
  admission: Admission;
  lengths: LengthsBook;
  queue: <Data>(name: string) => Queue<Data>;
}

export async function startDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const { installation, redisUrl, filesFolder, events, holder } = options;
  const { fleet, config: settings, environment } = installation;
  const { prefix } = environment;
  const redis = connectRedis(redisUrl, 'background');
  const clock = await startClock(redis, events);
  const store = await openStore(settings.files, { folder: filesFolder, patience: 'background' });
  const queues = new Map<string, Queue>();
  const admission = admissionOf(installation, redis);
  const terms: { now: Term | null } = { now: null };
  const control = controlOf(options, { redis, admission, terms });
  await control.start();
  const parts: Parts = {
    now: clock.now,
    random: Math.random,
    lengths: new LengthsBook(options.now ?? clock.now),
    ...options,
    redis,
    control,
    ledger: openLedger(redis, prefix, { usage: usageRules(settings) }),
    store,
    admission,
    queue: <Data>(name: string) => {
      const known = queues.get(name) ?? openQueue<Data>(name, redis, { prefix, keep: KEEP });
      queues.set(name, known);
      return known as Queue<Data>;
    },
  };
  const segments = new Segments(store, holder.slice(0, 8));
  const keeper = keeperOf(parts);
  const arms = armsOf(parts);
  const recorder = recorderOf(parts, { terms, segments, keeper, arms });
  const leadership = leadershipOf(parts, terms);
  const watch = watchOf(parts);
  const webhooks = await startWebhooks({ ...parts, settings, prefix });
  await keeper.start();
  await recorder.start();
  leadership.start();
  watch.start();
  events.started({ pools: [...fleet.pools.keys()], deployments: [...fleet.deployments.keys()] });
  return {
    reload: async () => {
      const result = await control.reload();
      if (result.kind === 'invalid') events.configInvalid(result);
    },
    stop: async () => {
      events.stopping();
      control.close();
      for (const part of [watch, clock]) part.stop();
      const ends = [leadership, webhooks, recorder, { stop: () => arms.write() }, keeper];
      for (const part of ends) await within(STOP_WITHIN_MS, part.stop());
      await segments.close();
      await within(STOP_WITHIN_MS, Promise.all([...queues.values()].map((queue) => queue.close())));
      parts.admission.close();
      await store.close();
      redis.disconnect();
      events.stopped();
    },
  };
}

async function startClock(redis: Redis, events: DispatcherEvents): Promise<RedisClock> {
  const clock = new RedisClock({ redis, events });
  await clock.start();
  return clock;
}

function controlOf(
  options: DispatcherOptions,
  parts: { redis: Redis; admission: Admission; terms: { now: Term | null } },
): LiveControl<Installation> {
  const { installation, redisUrl, events, readConfig } = options;
  const { redis, admission, terms } = parts;
  return new LiveControl({
    redis,
    subscriber: connectRedis(redisUrl, 'subscriber'),
    prefix: installation.environment.prefix,
    fleet: installation.fleet,
    readConfig: readConfig ?? (() => ({ kind: 'ok', ...installation })),
    onApplied: ({ change, config }) => {
      if (config) takeLive(installation, config);
      if (config) events.configTaken(change);
      admission.useFleet(installation.fleet);
      terms.now?.fleetChanged(change, config !== null);
    },
    onInvalid: (report) => events.configInvalid({ report }),
  });
}

const pacingOf = (utilisation: number) => ({ ...KNOWN_WINDOW, share: utilisation });

const admissionOf = (
  { fleet, config: settings, environment: { prefix } }: Installation,
  redis: Redis,
): Admission =>
  new Admission({ redis, prefix, fleet, pacing: pacingOf(settings.admission.utilisation) });

const watchOf = ({ ledger, events }: Parts): DataWatch =>
  new DataWatch({
    ledger,
    onLost: () => events.dataLost(),
    onFull: (full) => (full ? events.redisFull() : events.redisHasRoom()),
  });

const keeperOf = ({ ledger, lengths, events }: Parts): LengthsKeeper =>
  new LengthsKeeper({
    ledger,
    book: lengths,
    onError: (what, error) => events.failed({ what, error: String(error) }),
  });

const armsOf = ({ installation, ledger, events, now }: Parts): ArmsBook =>
  new ArmsBook({
    ledger,
    fleet: installation.fleet,
    now,
    onError: (error) => events.failed({ what: 'comparing arms', error: String(error) }),
  });

const writingOf = ({ installation, filesFolder, ledger, now }: Parts): WritingTrouble =>
  new WritingTrouble({ ledger, where: whereOf(installation.config.files, filesFolder), now });

function recorderOf(
  parts: Parts,
  state: { terms: { now: Term | null }; segments: Segments; keeper: LengthsKeeper; arms: ArmsBook },
): Recorder {
  const { installation, ledger, holder, events, now, random, queue } = parts;
  const { fleet, config: settings } = installation;
  const ports: RecordBatchPorts = {
    ledger,
    fleet,
    segments: state.segments,
    writing: writingOf(parts),
    holder,
    maxAttempts: settings.retry.maxAttempts,
    backoff: settings.retry.backoff,
    retries: new RetryBudgets(),
    fallbackQueue: (pool) => queue<EntryData>(fallbackQueue(pool)),
    deadQueue: queue(QUEUES.dead),
    events,
    now,
    random,
    onLine: (meta) => state.terms.now?.ended(null, meta),
    onRecorded: (batch, recorded) => state.terms.now?.recorded(batch, recorded),
    onCalls: (metas) => state.arms.count(metas),
    onAnswers: (batch, answers) => state.keeper.learn(batch, answers),
    onComplete: async (batch) => {
      const step: StepData = { batch, step: 'finalise' };
      await queue<StepData>(QUEUES.batches).add('step', step, {
        jobId: `${batch}-finalise-${now()}`,
        priority: stepPriority('finalise'),
      });
    },
  };
  const keepSeconds = Math.ceil(settings.retention.jobsMs / 1000);
  const keepDeadSeconds = Math.max(keepSeconds, Math.ceil(settings.retention.deadMs / 1000));
  const onEnded: RecordJobsPorts['onEnded'] = (id, meta) => state.terms.now?.ended(id, meta);
  const onAnswer: RecordJobsPorts['onAnswer'] = ({ pool, tenant }, tokens) =>
    parts.lengths.answered({ pool, tenant, batch: null, lineClass: null }, [tokens]);
  return new Recorder({
    ledger,
    holder,
    events,
    recordJobs: (outcomes) =>
      recordJobs({ ...ports, keepSeconds, keepDeadSeconds, onEnded, onAnswer }, outcomes),
    recordBatch: (batch, outcomes) => recordBatch(ports, batch, outcomes),
  });
}

function leadershipOf(parts: Parts, terms: { now: Term | null }): Leadership {
  const { ledger, holder, events, now } = parts;
  return new Leadership({
    ledger,
    holder,
    now,
    leaseMs: LEASE_MS,
    onLead: async (token, lost) => {
      events.leading({ token });
      const turns = (await ledger.redis.get(ledger.keys.turns)) ?? '';
      if (lost.aborted) return;
      const term = termOf(parts, token, turns);
      terms.now = term;
      await term.start();
    },
    onLost: async (lost, how) => {
      if (how === 'lost') events.leadLost({ token: lost });
      else events.leadGivenUp({ token: lost });
      const term = terms.now;
      terms.now = null;
      await term?.stop();
    },
    onError: (error) => events.failed({ what: 'beginning to lead', error: String(error) }),
  });
}

function termOf(parts: Parts, token: number, turns: string): Term {
  const { control, installation, queue, redis } = parts;
  const { fleet, config: settings, environment } = installation;
  const { dispatch, server, retention } = settings;
  const depth = {
    depthMs: dispatch.depthMs,
    unlimitedDepth: dispatch.unlimitedDepth,
    chunkMs: dispatch.chunkMs,
    chunkJobs: dispatch.chunkJobs,
  };
  return new Term(
    {
      ...parts,
      fleet,
      wishOf: (deployment) => control.wishOf(deployment),
      tenants: () => installation.tenants,
      learned: new Learned(predicted(fleet), parts.now),
      queues: {
        run: (deployment) => queue<EntryData>(runQueue(deployment)),
        batches: queue<StepData>(QUEUES.batches),
      },
      openIntake: (handlers) =>
        new Intake({
          ...handlers,
          pools: [...fleet.pools.keys(), 'deployment/'],
          connection: redis,
          prefix: environment.prefix,
          keep: KEEP,
          queueOf: (name) => queue<EntryData>(name),
        }),
      depth,
      windowLines: dispatch.windowLines,
      snapshotMs: dispatch.snapshotMs,
      keepSeconds: Math.ceil(retention.jobsMs / 1000),
      steps: {
        maxLines: server.maxBatchLines,
        maxLineBytes: server.maxBodyBytes,
        filesMs: retention.filesMs,
        get routes() {
          return settings.routes;
        },
        poolsOf: (tenant) => installation.tenants.find(({ id }) => id === tenant)?.pools ?? null,
      },
    },
    token,
    turns,
  );
}
