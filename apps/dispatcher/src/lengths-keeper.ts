/**
 * Keeps the lengths of answers where all dispatchers find them, so that neither a restart nor a change of leader forgets
 * them; and finds out for recorded lines whose they are.
 */
import type { Ledger } from '@sluice/ledger';
import { classOfChunk } from './lengths-book.ts';
import type { LengthsBook } from './lengths-book.ts';

/** Output tokens of answers that lines of one chunk got. */
export interface LineAnswers {
  chunk: string;
  tokens: number[];
}

interface BatchFacts {
  tenant: string;
  /** By the number of the class. */
  pools: string[];
}

export interface LengthsKeeperPorts {
  ledger: Ledger;
  book: LengthsBook;
  onError: (what: string, error: unknown) => void;
}

const SAVE_EVERY_MS = 1_000;
/** Others' news are read as often as every so many saves. */
const READ_EVERY = 5;
const MOST_BATCHES = 256;

export class LengthsKeeper {
  readonly #ports: LengthsKeeperPorts;
  readonly #batches = new Map<string, Promise<BatchFacts | null>>();
  #timer: NodeJS.Timeout | null = null;
  #rounds = 0;
  #keeping: Promise<void> = Promise.resolve();

  constructor(ports: LengthsKeeperPorts) {
    this.#ports = ports;
  }

  /** Resolves when what was saved is known. */
  async start(): Promise<void> {
    await this.#keep();
    this.#timer = setInterval(() => {
      this.#keeping = this.#keeping.then(() => this.#keep());
    }, SAVE_EVERY_MS);
  }

  /** Lines were recorded. Whose they are is read once per batch. */
  learn(batch: string, answers: readonly LineAnswers[]): void {
    if (answers.every(({ tokens }) => tokens.length === 0)) return;
    this.#learn(batch, answers).catch((error: unknown) =>
      this.#ports.onError('learning lengths of answers', error),
    );
  }

  async #learn(batch: string, answers: readonly LineAnswers[]): Promise<void> {
    const facts = await this.#factsOf(batch);
    if (facts === null) return;
    const { tenant, pools } = facts;
    const only = new Set(pools).size === 1 ? pools[0] : undefined;
    for (const { chunk, tokens } of answers) {
      const lineClass = classOfChunk(chunk);
      const pool = lineClass === null ? only : pools[lineClass];
      if (pool !== undefined) this.#ports.book.answered({ pool, tenant, batch, lineClass }, tokens);
    }
  }

  #factsOf(batch: string): Promise<BatchFacts | null> {
    const known = this.#batches.get(batch);
    if (known) return known;
    if (this.#batches.size >= MOST_BATCHES) this.#batches.clear();
    const reading = readFacts(this.#ports.ledger, batch);
    this.#batches.set(batch, reading);
    reading.catch(() => this.#batches.delete(batch));
    return reading;
  }

  async #keep(): Promise<void> {
    const { ledger, book, onError } = this.#ports;
    const { redis, keys } = ledger;
    try {
      if (this.#rounds++ % READ_EVERY === 0) book.takeIn(await redis.hgetall(keys.lengths));
      const { rows, gone } = book.takeChanges();
      if (Object.keys(rows).length > 0) await redis.hset(keys.lengths, rows);
      if (gone.length > 0) await redis.hdel(keys.lengths, ...gone);
    } catch (error) {
      onError('keeping lengths of answers', error);
    }
  }

  /** Saves what is not saved yet. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#keeping;
    await this.#keep();
  }
}

async function readFacts({ redis, keys }: Ledger, batch: string): Promise<BatchFacts | null> {
  const [tenant, classes] = await redis.hmget(keys.batch(batch), 'tenant', 'classes');
  if (!classes) return null;
  const pools = (JSON.parse(classes) as { pool: string }[]).map(({ pool }) => pool);
  return { tenant: tenant ?? '', pools };
}
