/** Names the sendings of scripts that count: they are done once, however often they are sent (once.lua). */
import { randomUUID } from 'node:crypto';
import { writtenKey } from './keys.ts';

/** Sends a script with the key of what was written, and with the write. */
type Send<Reply> = (key: string, write: string) => Promise<Reply>;

export class Writes {
  readonly #prefix: string;
  readonly #writer = randomUUID();
  /** By root: writes whose replies have come, which Redis has not been told yet. */
  readonly #answered = new Map<string, string[]>();
  #last = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** `id`: of a write that may have been tried before, used for nothing else; one is made where it is absent. */
  async send<Reply>(root: string, send: Send<Reply>, id = `${(this.#last += 1)}`): Promise<Reply> {
    const answered = this.#answered.get(root) ?? [];
    this.#answered.set(root, []);
    const write = [id, ...answered].join(' ');
    try {
      const reply = await send(this.#key(root), write);
      this.#answered.get(root)?.push(id);
      return reply;
    } catch (error) {
      this.#answered.get(root)?.push(...answered);
      throw error;
    }
  }

  #key(root: string): string {
    return writtenKey(this.#prefix, root, this.#writer);
  }
}
