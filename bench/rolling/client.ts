/**
 * A client of several APIs, as a load balancer makes one: each request goes to the next of them. One that is stopping (503 with
 * Retry-After) or not there makes it try another, and gets nothing for as long as it asked, or a second, while there is another;
 * everything else that is no success is an error, and counted.
 */
export interface Told {
  /** Requests sent again because a process was stopping, or was not there. */
  stopping: number;
  refused: number;
  /** What a client should never see, by what it was. */
  errors: Map<string, number>;
}

const MOST_TRIES = 20;

export class Client {
  readonly told: Told = { stopping: 0, refused: 0, errors: new Map() };
  readonly #urls: readonly string[];
  /** By address, until when it gets nothing, by `performance.now()`. */
  readonly #outUntil = new Map<string, number>();
  #turn = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** The answer, or null after an error. */
  async ask<T>(method: string, path: string, body?: object | string): Promise<T | null> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const url = this.#next();
      const end = await send<T>(method, url + path, body);
      if (end.kind === 'answer') return end.answer;
      if (end.kind === 'error') return this.#error(end.what);
      this.#outUntil.set(url, performance.now() + end.outMs);
      if (end.kind === 'refused') this.told.refused += 1;
      else this.told.stopping += 1;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    return this.#error('no API took it');
  }

  /** The next that takes something; where none does, the next. */
  #next(): string {
    const turn = this.#turn++;
    const urls = this.#urls.map((_, i) => this.#urls[(turn + i) % this.#urls.length] as string);
    const now = performance.now();
    return urls.find((url) => (this.#outUntil.get(url) ?? 0) <= now) ?? (urls[0] as string);
  }

  #error(what: string): null {
    this.told.errors.set(what, (this.told.errors.get(what) ?? 0) + 1);
    return null;
  }
}

type End<T> =
  | { kind: 'answer'; answer: T }
  /** `outMs`: for so long it gets nothing. */
  | { kind: 'stopping' | 'refused'; outMs: number }
  | { kind: 'error'; what: string };

/** The other one is asked soon; where both are not there, this is the pause. */
const AGAIN_MS = 50;
/** One that is not there is looked for again after so long, as load balancers do. */
const GONE_MS = 1_000;

async function send<T>(method: string, url: string, body?: object | string): Promise<End<T>> {
  const type = typeof body === 'string' ? 'application/jsonl' : 'application/json';
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  try {
    const response = await fetch(url, {
      method,
      ...(text === undefined ? {} : { headers: { 'content-type': type }, body: text }),
    });
    const answer = await response.text();
    if (response.ok) return { kind: 'answer', answer: JSON.parse(answer) as T };
    const retryAfter = response.headers.get('retry-after');
    if (response.status === 503 && retryAfter !== null)
      return { kind: 'stopping', outMs: Number(retryAfter) * 1_000 };
    return { kind: 'error', what: `${response.status} ${answer.slice(0, 200)}` };
  } catch (error) {
    const { code, message } = ((error as Error).cause ?? error) as {
      code?: string;
      message: string;
    };
    if (code === 'ECONNREFUSED') return { kind: 'refused', outMs: GONE_MS };
    return { kind: 'error', what: `${code ?? ''} ${message}` };
  }
}
