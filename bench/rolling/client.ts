/**
 * A client of several APIs, as a load balancer makes one: each request goes to the next of them. One that is not there or is
 * stopping (503 with Retry-After) makes it try the other; everything else that is no success is an error, and counted.
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
  #turn = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** The answer, or null after an error. */
  async ask<T>(method: string, path: string, body?: object | string): Promise<T | null> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const url = this.#urls[this.#turn++ % this.#urls.length] as string;
      const end = await send<T>(method, url + path, body);
      if (end.kind === 'answer') return end.answer;
      if (end.kind === 'error') return this.#error(end.what);
      if (end.kind === 'refused') this.told.refused += 1;
      else this.told.stopping += 1;
      await new Promise((resolve) => setTimeout(resolve, end.afterMs));
    }
    return this.#error('no API took it');
  }

  #error(what: string): null {
    this.told.errors.set(what, (this.told.errors.get(what) ?? 0) + 1);
    return null;
  }
}

type End<T> =
  | { kind: 'answer'; answer: T }
  | { kind: 'stopping' | 'refused'; afterMs: number }
  | { kind: 'error'; what: string };

/** The other one is asked soon; where both are not, this is the pause. */
const NEXT_MS = 50;

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
      return { kind: 'stopping', afterMs: NEXT_MS };
    return { kind: 'error', what: `${response.status} ${answer.slice(0, 200)}` };
  } catch (error) {
    const { code, message } = ((error as Error).cause ?? error) as {
      code?: string;
      message: string;
    };
    if (code === 'ECONNREFUSED') return { kind: 'refused', afterMs: 0 };
    return { kind: 'error', what: `${code ?? ''} ${message}` };
  }
}
