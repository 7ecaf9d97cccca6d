/** Bull Board at /admin/queues: read-only, no Redis details, bodies never shown (entries carry references only). */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { RequestHandler, Response } from 'express';
import type { Fleet } from '@sluice/job';
import { poolQueue, runQueue } from '@sluice/queues';
import { queueNames } from './figures.ts';
import type { LiveFigures } from './figures.ts';
import type { QueueDoor } from './queue-door.ts';

/** Seconds between two polls of an open page: each asks Redis about 16 things per queue. */
const POLL_SECONDS = 10;

/** Fields of entries that are references, safe to show. Anything else shows as its kind only. */
const SHOWN = new Set(['id', 'epoch', 'batch', 'step', 'code', 'type', 'subject', 'last']);

interface BoardPorts {
  queues: QueueDoor;
  figures: LiveFigures;
  fleet: Fleet;
}

/** `path`: where it is mounted. */
export function openBoard(path: string, ports: BoardPorts): RequestHandler {
  const server = new ExpressAdapter();
  server.setBasePath(path);
  const described = new Describer(ports);
  const adapterOf = (name: string): BullMQAdapter => {
    const adapter = new BullMQAdapter(ports.queues.queue(name), {
      readOnlyMode: true,
      allowRetries: false,
    });
    adapter.setFormatter('data', maskedData);
    adapter.setFormatter('returnValue', maskedData);
    adapter.getDescription = () => described.of(name);
    return adapter;
  };
  const shown = new Map<string, BullMQAdapter>();
  const { setQueues } = createBullBoard({
    queues: [],
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'Sluice',
        hideRedisDetails: true,
        showWorkers: false,
        hideDocsLink: true,
        pollingInterval: { showSetting: false, forceInterval: POLL_SECONDS },
      },
    },
  });
  const board = server.getRouter() as RequestHandler;
  const follow = (): void => {
    const names = queueNames(ports.fleet);
    if (names.length === shown.size && names.every((name) => shown.has(name))) return;
    const adapters = names.map((name) => [name, shown.get(name) ?? adapterOf(name)] as const);
    shown.clear();
    for (const [name, adapter] of adapters) shown.set(name, adapter);
    setQueues([...shown.values()]);
  };
  return (request, response, next) => {
    follow();
    // Without Redis this is where it shows: the board itself would wait for it.
    withoutFonts(response);
    described.refresh().then(() => board(request, response, next), next);
  };
}

const FONTS = /<link href="https:\/\/fonts\.googleapis\.com[^>]*>/;

/** Its page would fetch a font from Google: nobody else is told that somebody looks at it. */
function withoutFonts(response: Response): void {
  const send = response.send.bind(response);
  response.send = (body: unknown) =>
    send(typeof body === 'string' ? body.replace(FONTS, '') : body);
}

/** References as they are, everything else by its kind: no prompt and no answer is ever shown. */
export function maskedData(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(maskedData);
  if (typeof data !== 'object' || data === null) {
    return typeof data === 'string' ? `text of ${data.length} characters` : data;
  }
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [
      name,
      SHOWN.has(name) && typeof value !== 'object' ? value : maskedData(value),
    ]),
  );
}

const MEANINGS: Record<string, string> = {
  jobs: 'single jobs, waiting to be placed',
  fallback: 'failed jobs, to be placed elsewhere',
  run: 'an entry is a chunk of one or more jobs',
  batches: 'steps in the lives of batches; their lines go straight to run-…',
  dead: 'jobs out of attempts',
  webhooks: 'deliveries',
};

/** `run-mini` is of the kind `run`. */
const meaningOf = (queue: string): string | undefined => MEANINGS[queue.split('-')[0] as string];

/**
 * What a queue's line says under its name: what its entries are; for a deployment its state, share and use of its budget, for a
 * pool all that waits, for most of it is on no queue.
 */
class Describer {
  readonly #ports: BoardPorts;
  readonly #texts = new Map<string, string>();

  constructor(ports: BoardPorts) {
    this.#ports = ports;
  }

  of(queue: string): string {
    return [this.#texts.get(queue), meaningOf(queue)].filter(Boolean).join(' · ');
  }

  async refresh(): Promise<void> {
    const { figures, fleet } = this.#ports;
    const [health, loads, waiting] = await Promise.all([
      figures.health(),
      figures.loads(),
      figures.waiting(),
    ]);
    for (const [pool, count] of waiting)
      this.#texts.set(poolQueue(pool), `waiting here, in the ledger and in files: ${count}`);
    for (const id of fleet.deployments.keys()) {
      const { state, share, reason } = health.get(id) ?? {};
      const parts = [
        state ?? 'no dispatcher yet',
        ...(share === undefined ? [] : [shareInWords(share)]),
        ...(loads.get(id)?.dims ?? []).map(
          ({ dimension, limit, usedFraction }) =>
            `${dimension} ${percent(usedFraction)} of ${limit}`,
        ),
        ...(reason ? [reason] : []),
      ];
      this.#texts.set(runQueue(id), parts.join(' · '));
    }
  }
}

const shareInWords = (share: number | null): string =>
  share === null ? 'nothing placed lately' : `share ${percent(share)}`;

const percent = (share: number): string => `${Math.round(share * 100)} %`;
