/** The load: a client that asks as clients do, repeats what it may repeat, and keeps its own book. */
import { chatBody, chatLine } from '@sluice/testing';
import type { Asked, Kind } from './book.ts';

export interface LoadOptions {
  apis: readonly string[];
  /** Where webhooks go. */
  sink: string;
  random: () => number;
}

const KINDS: readonly [kind: Kind, share: number][] = [
  ['job', 0.3],
  ['keyed job', 0.4],
  ['call', 0.24],
  ['batch', 0.06],
];
const BATCH_LINES = [1, 7, 30, 90];
const CANCELLED = 0.05;
const HOOKED = 0.4;
/** A keyed request is repeated this often before the client gives up: longer than the longest outage. */
const REPEATS = 240;
const REPEAT_MS = 500;
const ANSWER_MS = 15_000;
const CANARY_EVERY_MS = 250;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Load {
  readonly asked: Asked[] = [];
  /** Requests refused for good, and those that were never accepted however often they were repeated. */
  readonly refused: string[] = [];
  readonly #options: LoadOptions;
  readonly #open = new Set<Promise<void>>();
  #turn = 0;
  #repeatUntil = Number.POSITIVE_INFINITY;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Asks for one thing, of a kind drawn from the seed. Says how many calls it stands for. */
  ask(): number {
    const { random } = this.#options;
    const kind = kindOf(random());
    const lines =
      kind === 'batch' ? (BATCH_LINES[Math.floor(random() * BATCH_LINES.length)] as number) : 1;
    const asked: Asked = {
      tag: `t${this.asked.length}`,
      kind,
      lines,
      webhook: kind !== 'call' && random() < HOOKED,
      cancelled: kind !== 'call' && random() < CANCELLED,
      ids: new Set(),
      acceptedAt: null,
      first: null,
      last: null,
    };
    this.asked.push(asked);
    const open = this.#send(asked).finally(() => this.#open.delete(open));
    this.#open.add(open);
    return lines;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Nothing is being asked any more; what was not accepted after so long is given up. */
  async settled(patienceMs: number): Promise<void> {
    this.#repeatUntil = Date.now() + patienceMs;
    await Promise.all(this.#open);
  }

  /**
   * Synchronous calls from outside the book, a new one every quarter of a second, until the first is answered: when, by the
   * wall clock; null: not within `mostMs`. One alone would say how long its own patience is.
   */
  async canary(mostMs: number): Promise<number | null> {
    const end = Date.now() + mostMs;
    const seen: { at: number | null } = { at: null };
    const asked: Promise<void>[] = [];
    while (seen.at === null && Date.now() < end) {
      asked.push(this.#ask(seen).catch(() => undefined));
      const next = Date.now() + CANARY_EVERY_MS;
      while (seen.at === null && Date.now() < next) await pause(10);
    }
    await Promise.all(asked);
    return seen.at;
  }

  async #ask(seen: { at: number | null }): Promise<void> {
    const text = JSON.stringify(body('canary'));
    const response = await this.#post('/v1/chat/completions', text, {}, ANSWER_MS);
    await response.text();
    if (response.ok) seen.at ??= Date.now();
  }

  async #send(asked: Asked): Promise<void> {
    const repeatable = asked.kind === 'keyed job' || asked.kind === 'batch';
    for (let i = 0; i < (repeatable ? REPEATS : 1) && Date.now() < this.#repeatUntil; i++) {
      if (i > 0) await pause(REPEAT_MS);
      const id = await this.#try(asked).catch(() => null);
      if (id === null) continue;
      if (id === '') return;
      asked.ids.add(id);
      asked.acceptedAt ??= Date.now();
      // Once in a while a client repeats what was answered: it must get the same.
      if (repeatable && this.asked.length % 5 === 0) {
        const again = await this.#try(asked).catch(() => null);
        if (again !== null) asked.ids.add(again);
      }
      if (asked.cancelled) await this.#cancel(asked, id).catch(() => undefined);
      return;
    }
    if (repeatable) this.refused.push(`${asked.kind} ${asked.tag}: never accepted`);
  }

  /** The id of what was accepted; null: it was not, '': nor ever will be. Throws where nobody answered. */
  async #try(asked: Asked): Promise<string | null> {
    const { path, text, type } = this.#requestOf(asked);
    const keyed = asked.kind === 'keyed job' || asked.kind === 'batch';
    const headers: Record<string, string> = keyed ? { 'idempotency-key': asked.tag } : {};
    const response = await this.#post(path, text, { 'content-type': type, ...headers }, ANSWER_MS);
    const answer = await response.text();
    if (!response.ok) {
      // What is refused for good is a mistake of this load, or of Sluice: never one that a repeat mends.
      const forGood = response.status < 500 && response.status !== 429 && response.status !== 409;
      if (forGood) this.refused.push(`${asked.kind} ${asked.tag}: ${response.status} ${answer}`);
      return forGood ? '' : null;
    }
    if (asked.kind === 'call') return response.headers.get('x-sluice-job-id');
    return (JSON.parse(answer) as { id: string }).id;
  }

  #requestOf({ kind, tag, lines, webhook }: Asked): { path: string; text: string; type: string } {
    const url = `${this.#options.sink}/hook`;
    if (kind === 'call')
      return {
        path: '/v1/chat/completions',
        text: JSON.stringify(body(tag)),
        type: 'application/json',
      };
    if (kind === 'batch') {
      const query = webhook ? `&webhook_url=${encodeURIComponent(url)}` : '';
      return {
        path: `/v1/batches?completion_window=1h${query}`,
        text: Array.from({ length: lines }, (_, i) => lineOf(`${tag}.${i}`)).join('\n'),
        type: 'application/jsonl',
      };
    }
    const job = { model: 'f', body: body(tag), ...(webhook && { webhook_url: url }) };
    return { path: '/v1/jobs', text: JSON.stringify(job), type: 'application/json' };
  }

  async #cancel({ kind }: Asked, id: string): Promise<void> {
    const path = kind === 'batch' ? `/v1/batches/${id}/cancel` : `/v1/jobs/${id}/cancel`;
    await (await this.#post(path, '', {}, ANSWER_MS)).text();
  }

  #post(
    path: string,
    text: string,
    headers: Record<string, string>,
    ms: number,
  ): Promise<Response> {
    const { apis } = this.#options;
    const api = apis[this.#turn++ % apis.length] as string;
    const signal = AbortSignal.timeout(ms);
    const type = { 'content-type': 'application/json' };
    return fetch(`${api}${path}`, {
      method: 'POST',
      headers: { ...type, ...headers },
      body: text,
      signal,
    });
  }
}

function kindOf(chance: number): Kind {
  let left = chance;
  for (const [kind, share] of KINDS) if ((left -= share) < 0) return kind;
  return 'job';
}

const body = (tag: string) =>
  chatBody(`question ${tag}`, { model: 'f', max_tokens: 5, metadata: { tag } });

const lineOf = (tag: string): string => chatLine(tag, body(tag));
